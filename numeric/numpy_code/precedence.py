"""Precedence of Python operators, low to high."""

from __future__ import annotations

COMPARE, SUM, PRODUCT, UNARY, POWER, ATOM = range(6)
