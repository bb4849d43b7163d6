"""Training: a student, what it is trained on, and a checkpoint that survives a kill."""
