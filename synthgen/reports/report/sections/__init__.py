"""What a report says, one section a file: blocks made of the run's facts, or none."""
