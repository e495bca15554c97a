"""Pairs on disk: the layout that `datasets.load_dataset` reads, its card, and other formats."""
