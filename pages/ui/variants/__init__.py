"""The views of the Variants page."""
