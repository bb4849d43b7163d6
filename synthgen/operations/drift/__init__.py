"""Whether a deployed student has fallen behind: fresh questions, look after look."""
