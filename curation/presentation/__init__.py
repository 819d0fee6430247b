"""A result as a story that needs no presenter: what it says and shows, on a page and as one file."""
