"""The report of a run, one HTML file: `facts` reads the run, `sections` make blocks, `page` writes them."""
