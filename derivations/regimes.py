"""Inputs on which the accuracy of losses and layers is measured, for the ``regimes`` of entries.

``{large}`` and ``{larger}``, ``{small}`` and ``{smaller}`` are scales whose squares leave the range of the dtype.
"""

from collections.abc import Mapping

Regimes = dict[str, dict[str, str]]

#: Standard deviations of logits, from harmless to one-sided.
LOGITS = ("1", "30", "100", "1000", "10000")

#: Standard deviations of biases: in float32, σ is 1 from 17 on, and its derivative an ordinary number up to 87.
UNITS = ("10", "30")


def logits(name: str, prefix: str = "logits of", **others: str) -> Regimes:
    """Logits of every scale, the other givens drawn as said."""
    return {f"{prefix} scale {s}": {name: f"normal {s}", **others} for s in LOGITS}


def normalised(*names: str, **others: Mapping[str, str]) -> Regimes:
    """For what divides rows by their size: typical ones, ones far from 0, and ones whose squares are out of range."""
    scales = ("{large}", "{larger}", "{small}", "{smaller}")
    return {
        "typical": {},
        "offset 1e4": {n: "normal 1 1e4" for n in names},
        **{f"scale {s}": {n: f"normal {s}" for n in names} for s in scales},
        **{name.replace("_", " "): dict(fills) for name, fills in others.items()},
    }


def distances(*names: str) -> Regimes:
    """For distances: from typical rows to ones whose squares are out of range. Small ones vanish beside an ε."""
    return {
        "typical": {},
        "scale 30": {n: "normal 30" for n in names},
        **{f"scale {s}": {n: f"normal {s}" for n in names} for s in ("{large}", "{larger}")},
    }


def saturated(*biases: str, **others: str) -> Regimes:
    """Units that their biases drive to their limits, where a derivative is small and not 0."""
    return {"typical": {}, **{f"biases of scale {s}": {b: f"normal {s}" for b in biases} | others for s in UNITS}}
