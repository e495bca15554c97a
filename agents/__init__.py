"""Who thinks: models, policies, reviewers, rewards, literature."""
