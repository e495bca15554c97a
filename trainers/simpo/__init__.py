"""SimPO with an NLL term, on the sampler's own token ids, for sequences longer than a vocabulary lets others go."""
