"""The stages of the cycle: thin; the thinking is the policy's."""
