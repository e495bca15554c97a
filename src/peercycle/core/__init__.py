"""The vocabulary that every room shares: words, contracts, settings, errors."""
