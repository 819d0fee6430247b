"""Tuning: a search for the hardness band, the mix, the severities and the strategy with the best R on a cheap proxy."""
