"""A panel of reviewers played by any instruction model: `reviewer.PromptedReviewer`."""
