"""Data where a student fails: rounds of finding the slices, making more of them, and training again."""
