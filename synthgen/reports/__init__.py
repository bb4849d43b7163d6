"""Reports: progress, terminal tables, cards."""
