"""Stable forms of formulas, and the rules that find them: expressions in, equal expressions out."""
