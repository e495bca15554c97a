"""The networked step before an execution: data and packages, by hash, within limits, from hosts that are allowed."""
