"""export_model: a student in the variants in which it can be run, each measured against it."""
