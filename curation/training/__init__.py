"""Training a classifier: its settings, its batches, its objective, and the loop that can stop and go on to the bit."""
