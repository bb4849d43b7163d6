"""Jobs: the files by which a site's scheduler runs a pipeline; one scheduler a file."""
