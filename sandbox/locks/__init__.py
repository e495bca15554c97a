"""Lock files of the named environments."""
