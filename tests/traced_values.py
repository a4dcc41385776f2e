"""Traced formulas at concrete values, to compare with what NumPy computes."""

from __future__ import annotations

from itertools import product

import numpy as np
from sympy import Integer

from nnmath.calculus.balls import Valuation

SIZES = {"n": 4, "C": 3, "D": 3, "H": 4, "B": 2, "T": 3, "V": 5}


def numbers(tensors, sizes, seed=0):
    """Values for tensors, in their domains."""
    rng = np.random.default_rng(seed)
    out = {}
    for t in tensors:
        shape = tuple(int(d.xreplace(sizes)) for d in t.dims)
        if t.domain.below is not None:
            out[t] = rng.integers(0, int(t.domain.below.xreplace(sizes)), shape)
        else:
            out[t] = rng.normal(size=shape).round(3) + (0.05 if t.domain.positive else 0)
    return out


def evaluated(traced, tensors, values, sizes):
    """The traced formulas at concrete values, as arrays; maxima are worked out from what they are the maxima of."""
    given = {t: {at: float(v) for at, v in np.ndenumerate(values[t])} for t in tensors}
    ints = {s: int(v) for s, v in sizes.items()}
    for o in traced.opaque:
        valuation = Valuation((), ints, given)
        found = {}
        for at in positions(o.indices, sizes):
            here = dict(zip(o.indices, at, strict=True))
            entries = [
                float(valuation.value(o.body, {**here, **dict(zip(o.over, p, strict=True))}))
                for p in positions(o.over, sizes)
            ]
            found[at] = {"max": max, "min": min, "empty": lambda e: float("nan")}[o.operation](entries)
        given[o.tensor] = found
    valuation = Valuation((), ints, given)
    arrays = []
    for output in traced.outputs:
        shape = tuple(int(d.xreplace(sizes)) for d in output.dims)
        array = np.empty(shape)
        for at in np.ndindex(*shape):
            array[at] = float(valuation.value(output.body, dict(zip(output.indices, at, strict=True))))
        arrays.append(array)
    return arrays


def positions(indices, sizes):
    return product(*(range(int(i.dim.xreplace(sizes))) for i in indices))


def flat(value):
    if isinstance(value, dict):
        return [a for v in value.values() for a in flat(v)]
    return [a for v in value for a in flat(v)] if isinstance(value, tuple | list) else [value]


def sizes_of(tensors):
    return {s: Integer(SIZES[str(s)]) for t in tensors for d in t.dims for s in d.free_symbols}
