"""A policy without a model: it writes a systematic map of the given literature, and measures it."""
