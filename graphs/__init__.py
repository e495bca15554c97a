"""The state machine and its driver."""
