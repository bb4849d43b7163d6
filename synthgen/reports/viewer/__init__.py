"""`synthgen view`: a local page for looking at rows and marking them, without loading them."""
