"""NumPy code on symbolic arrays: formulas that are what NumPy computes, and gradients that are proved equal."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import traced_code as code
from sympy import Integer
from traced_gradients import CASES

from nnmath.calculus.arrays import ArrayExpr
from nnmath.calculus.balls import Valuation
from nnmath.calculus.parser import parse_givens
from nnmath.calculus.prover import Prover
from nnmath.derivations.build import derive_entry
from nnmath.derivations.entry import Entry
from nnmath.verification.concrete import at_sizes
from nnmath.verification.trace import trace

XV = "x: n C, v: C"
XWV = "x: n D, w: D H, v: D"
SNIPPETS = {
    "add_and_scale": XV,
    "powers": XV,
    "functions": XV,
    "more_functions": XV,
    "scalars": XV,
    "sizes_leaked": XV,
    "constants": XV,
    "reductions": XV,
    "variances": XV,
    "extrema": XV,
    "norms": XV,
    "kinks": XV,
    "comparisons": XV,
    "logic": XV,
    "heaviside": XV,
    "products": XWV,
    "transposed": XWV,
    "einsums": XWV,
    "diagonals": XWV,
    "outers": XWV,
    "batched": "q: B T D, k: B T D",
    "stacks": "q: B T D, k: B T D",
    "heads": "x: B T 4",
    "views": XV,
    "in_place": XV,
    "slices": XV,
    "slice_writes": XV,
    "labels": "z: n C, y: n int<C",
    "labels_by_len": "z: n C, y: n int<C",
    "label_methods": "z: n C, y: n int<C",
    "embedding": "w: V D, ids: n int<V, dout: n D",
    "masks": XV,
    "where_and_out": XV,
    "creations": XV,
    "joins": XV,
    "symbolic_joins": XV,
    "shapes": XV,
    "repeats": XV,
    "padded": XV,
    "windows": XV,
    "triangles": "x: T T",
    "convolution": "x: n H, w: 2",
    "strided": "x: n 6",
    "loop_over_rows": "x: 3 D, w: D D",
    "gelu": XV,
    "stable_sigmoid": XV,
    "accumulated": XV,
    "mixed_constants": "x: n 3, v: 3",
}
CONCRETE = {"element_loops": "x: n C, w: C C", "jacobian_loops": "z: n C, w: C C", "max_pool": "x: n C, w: C C"}
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


@pytest.mark.parametrize("name", SNIPPETS)
def test_formula_is_what_numpy_computes(name):
    tensors = parse_givens(SNIPPETS[name])
    function, sizes = getattr(code, name), sizes_of(tensors)
    values = numbers(tensors, sizes)
    traced = trace(function, tensors)
    expected = flat(function(*(values[t].copy() for t in tensors)))
    found = evaluated(traced, tensors, values, sizes)
    assert len(found) == len(expected)
    for k, (a, b) in enumerate(zip(found, expected, strict=True)):
        assert a.shape == np.shape(b), f"output {k}"
        np.testing.assert_allclose(a, np.asarray(b, dtype=float), rtol=1e-12, atol=1e-12, err_msg=f"output {k}")


# -- gradients -----------------------------------------------------------------------------------------------------------


def derived(case):
    """The derivation of what a case wants, by the engine, and the definitions that its results refer to."""
    loss = case.define.strip().splitlines()[-1].split("=")[0].strip()
    entry = Entry(
        id="case", title="case", given=case.given, define=case.define, wanted=tuple(f"d{loss}/d{w}" for w in case.wanted)
    )
    derivation = derive_entry(entry)
    assert derivation.proved
    return derivation


@pytest.mark.parametrize("name", CASES)
def test_gradient_is_proved_for_all_sizes(name):
    case = CASES[name]
    derivation = derived(case)
    definitions = [*derivation.definitions, *(r.definition for r in derivation.results)]
    traced = trace(case.function, derivation.givens, known=definitions)
    prover = Prover(definitions, (*derivation.givens, *(o.tensor for o in traced.opaque)))
    wanted = {r.wrt[0].name: r for r in derivation.wanted}
    for k, tensor in enumerate(case.wanted):
        result = wanted[tensor]
        verdict = prover.judge(*traced.pair(k, ArrayExpr(result.indices, result.expr)))
        assert verdict.kind == "proved", f"d{tensor}: {verdict}"
