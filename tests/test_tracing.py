"""NumPy code on symbolic arrays: formulas that are what NumPy computes, and gradients that are proved equal."""

from __future__ import annotations

import numpy as np
import pytest
import traced_code
import traced_places
from sympy import Integer
from traced_gradients import CASES, LOOPS
from traced_values import SIZES, evaluated, flat, numbers, positions, sizes_of

from nnmath.calculus.arrays import ArrayExpr
from nnmath.calculus.parser import parse_givens
from nnmath.calculus.prover import Prover
from nnmath.calculus.sums import rebuild
from nnmath.calculus.tensors import Element
from nnmath.derivations.build import derive_entry
from nnmath.derivations.entry import Entry
from nnmath.verification.tracing.concrete import at_sizes, definition_at, tensor_at
from nnmath.verification.tracing.trace import trace

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
    "infinite_masks": "x: T T",
    "convolution": "x: n H, w: 2",
    "strided": "x: n 6",
    "loop_over_rows": "x: 3 D, w: D D",
    "gelu": XV,
    "stable_sigmoid": XV,
    "accumulated": XV,
    "mixed_constants": "x: n 3, v: 3",
}
CONCRETE = {
    "element_loops": "x: n C, w: C C",
    "jacobian_loops": "z: n C, w: C C",
    "max_pool": "x: n C, w: C C",
    "im2col": "x: 2 2 3 4, w: 3 2 2 2",
    "integer_tables": "x: 2 C, w: C C",
}
#: Snippets that read and write memory in ways that differ at concrete sizes.
CONCRETE_TOO = (
    *("views", "in_place", "slices", "slice_writes", "labels", "label_methods", "embedding", "masks", "creations"),
    *("joins", "shapes", "padded", "windows", "convolution", "strided", "infinite_masks", "extrema", "einsums"),
)
CODE = {**vars(traced_code), **vars(traced_places)}


@pytest.mark.parametrize("name", SNIPPETS)
def test_formula_is_what_numpy_computes(name):
    compare(CODE[name], SNIPPETS[name], {})


@pytest.mark.parametrize("name", [*CONCRETE, *CONCRETE_TOO])
def test_formula_is_what_numpy_computes_at_concrete_sizes(name):
    compare(CODE[name], {**SNIPPETS, **CONCRETE}[name], SIZES)


def compare(function, given, dims):
    tensors = parse_givens(given)
    sizes = sizes_of(tensors)
    values = numbers(tensors, sizes)
    traced = trace(function, tensors, dims={s: int(v) for s, v in sizes.items()} if dims else None)
    expected = flat(function(*(values[t].copy() for t in tensors)))
    if dims:
        values = {tensor_at(t, sizes): v for t, v in values.items()}
    found = evaluated(traced, tuple(values), values, sizes)
    assert len(found) == len(expected)
    for k, (a, b) in enumerate(zip(found, expected, strict=True)):
        assert a.shape == np.shape(b), f"output {k}"
        np.testing.assert_allclose(a, np.asarray(b, dtype=float), rtol=1e-12, atol=1e-12, err_msg=f"output {k}")


# -- gradients -------------------------------------------------------------------------------------------------------


def derived(case):
    """The derivation of what a case wants, by the engine, and the definitions that its results refer to."""
    loss = case.define.strip().splitlines()[-1].split("=")[0].strip()
    entry = Entry(
        id="case",
        title="case",
        given=case.given,
        define=case.define,
        wanted=tuple(f"d{loss}/d{w}" for w in case.wanted),
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


@pytest.mark.parametrize("name", LOOPS)
def test_loops_are_proved_at_concrete_sizes(name):
    case, numbers_ = LOOPS[name]
    derivation = derived(case)
    sizes = {s: numbers_[str(s)] for s in derivation.dims}
    definitions = [definition_at(d, sizes) for d in derivation.definitions]
    givens = [tensor_at(t, {s: Integer(v) for s, v in sizes.items()}) for t in derivation.givens]
    traced = trace(case.function, derivation.givens, dims=sizes, known=derivation.definitions)
    prover = Prover(definitions, (*givens, *(o.tensor for o in traced.opaque)))
    wanted = {r.wrt[0].name: r for r in derivation.wanted}
    for output, tensor in zip(traced.outputs, case.wanted, strict=True):
        reference = wanted[tensor]
        for at in positions(reference.indices, {s: Integer(v) for s, v in sizes.items()}):
            place = [Integer(k) for k in at]
            true = inlined(ArrayExpr(reference.indices, reference.expr).at(*place), derivation)
            verdict = prover.judge(at_sizes(output.at(*place), sizes), at_sizes(true, sizes))
            assert verdict.kind == "proved", f"d{tensor}{at}: {verdict}"


def inlined(expr, derivation):
    """With the adjoints of other arrays replaced by their formulas."""
    adjoints = {r.tensor: r.definition for r in derivation.results}

    def leaf(e):
        if isinstance(e, Element) and e.tensor in adjoints:
            return inlined(adjoints[e.tensor].at(*e.indices), derivation)
        return None

    return rebuild(expr, leaf)


def test_known_formulas_give_their_names():
    case = CASES["two_layer_net"]
    derivation = derived(case)
    definitions = [*derivation.definitions, *(r.definition for r in derivation.results)]
    traced = trace(case.function, derivation.givens, known=definitions)
    assert [type(e.body) for e in traced.entries] == [Element] * 4
    assert [e.body.tensor.name for e in traced.entries] == ["dW1", "db1", "dW2", "db2"]
