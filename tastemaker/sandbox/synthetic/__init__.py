"""Makes creators and posts up: from a seed and our own lists of words, the same on every machine."""
