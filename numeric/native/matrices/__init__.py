"""Functions with products of matrices: which steps they have, who makes them, and their C text."""
