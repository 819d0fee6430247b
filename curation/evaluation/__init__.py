"""Evaluation: the test suite P, target models trained on curated sets and baselines, and what they score on P."""
