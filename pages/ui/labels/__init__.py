"""The views of the Labels page."""
