"""Tuning: a search for the band, mix, severities and strategy with the best robustness R on a cheap proxy."""
