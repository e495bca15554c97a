"""Who judges a paper."""
