"""Classifiers: architectures, other people's weights, features and predictions."""
