"""What of the runs' folders nothing names any more, and how it is deleted."""
