"""logprobs: what a remote teacher holds likely at each token of the rows."""
