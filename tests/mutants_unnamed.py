"""The mutants that are not found, and those that are found without their name. Together they bound what is claimed."""

from __future__ import annotations

#: Not found, and why.
MISSED: dict[str, str] = {}

#: Found to be wrong, and reported as ``unnamed``, with the difference of the two formulas where it is short.
UNNAMED: tuple[str, ...] = ("gelu_tanh: c = np.sqrt(2 / np.pi) → c = 0.79",)
