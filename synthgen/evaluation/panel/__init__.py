"""The regression panel: what a student could do before it was trained, and whether it still can."""
