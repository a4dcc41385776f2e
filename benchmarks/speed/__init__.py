"""How fast generated code is: beside torch, JAX, careful NumPy by hand, and what the machine allows.

``nnmath bench`` runs it. cases.py says what is timed, contestants.py who takes part, measure.py how time is taken,
floor.py what the machine allows, table.py shows the result.
"""
