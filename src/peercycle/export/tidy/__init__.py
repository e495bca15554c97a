"""Reading LaTeX that nobody has checked, and writing LaTeX that compiles."""
