"""The account of a run: gathered from what the store holds, and from nothing else."""
