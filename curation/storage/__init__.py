"""Everything on disk: the only package that knows file names."""
