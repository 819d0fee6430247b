"""The views of the Map page."""
