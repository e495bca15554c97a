"""Papers and reports, as files."""
