"""Elementary functions as C text, for doubles and for floats."""
