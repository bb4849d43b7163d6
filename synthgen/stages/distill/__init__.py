"""distill: a student learns what its teacher knows beside the text."""
