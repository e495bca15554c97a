"""The rubric reviewer: checks that a reader could repeat, each with its evidence."""
