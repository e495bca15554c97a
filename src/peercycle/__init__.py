"""Research that is done, reviewed and revised by machines, and that learns from its own reviews."""

__version__ = "0.1.0"
