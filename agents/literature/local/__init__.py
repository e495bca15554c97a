"""The literature at hand: the task's own bibliography, and any `.bib` or JSONL corpus, in SQLite's FTS5."""
