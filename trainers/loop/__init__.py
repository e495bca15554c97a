"""The loop: sample, review, reward, pair, train, export, evaluate, promote; and again with what came out."""
