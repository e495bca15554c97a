"""The Docker sandbox: one container per execution, and a small program of ours as its first process."""
