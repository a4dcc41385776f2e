"""A person's NumPy code, run unchanged on arrays of formulas."""
