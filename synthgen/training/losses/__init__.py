"""Losses that compare a student with its teacher: pure functions on tensors, one kind a file."""
