"""The views of the Present page."""
