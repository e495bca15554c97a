"""The published protocol, turn by turn: `policy.CycleResearcherPolicy`."""
