"""Code in which shapes do not fit: the one change of the source that makes it run, and right, for all sizes."""
