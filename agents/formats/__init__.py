"""Readers of what the published researcher and reviewers write, and of JSON as models write it.

Every reader is total and linear: any text gives a value, what could not be read is in its `problems`.
"""
