"""Charts as static SVG, one kind a file: no script, the page's colours, same values same bytes."""
