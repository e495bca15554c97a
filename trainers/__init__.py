"""From logs to better policies."""
