"""What a teacher hands on beside its text, one kind a file: each is computed in one forward of each model."""
