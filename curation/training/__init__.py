"""Training a classifier: its settings, its batches, its objective, and a loop that resumes to the bit."""
