"""Hand-written code run in every regime and compared with exact values; what it does to its caller."""
