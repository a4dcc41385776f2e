"""Arrays in index notation on SymPy: reading text, differentiation, the rules of steps, and the prover."""
