"""Rewriting of scalar expressions: the same values for less."""
