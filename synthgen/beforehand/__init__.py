"""What can be known of a pipeline before it runs: whether it is sound, what it would ask, and what that would cost."""
