"""Hooks, and who implements them."""
