"""Array programs as scalar expressions over loop variables: what stands inside the loops of a compiled kernel."""
