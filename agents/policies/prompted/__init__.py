"""Every stage asked of an instruction model: `policy.PromptedPolicy`."""
