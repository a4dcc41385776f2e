"""NumPy code on symbolic arrays: formulas that are what NumPy computes, and gradients that are proved equal."""

from __future__ import annotations

import linecache
from contextlib import suppress
from itertools import product

import numpy as np
import pytest
import traced_code
import traced_places
import untraceable_code as untraceable
from sympy import Integer
from traced_gradients import CASES, LOOPS, two_layer_net

from nnmath.calculus.arrays import ArrayExpr
from nnmath.calculus.balls import Valuation
from nnmath.calculus.parser import parse_givens
from nnmath.calculus.prover import Prover
from nnmath.calculus.sums import rebuild
from nnmath.calculus.tensors import Element
from nnmath.derivations.build import derive_entry
from nnmath.derivations.entry import Entry
from nnmath.verification.tracing.concrete import at_sizes, definition_at, tensor_at
from nnmath.verification.tracing.trace import Untraceable, trace

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


# -- what a trace reports --------------------------------------------------------------------------------------------

REFUSED = {
    "branch_on_value": ("x: n C", "branch", "if x.sum() > 0"),
    "loop_over_size": ("x: n C", "range(n)", "for i in range"),
    "loop_over_len": ("x: n C", "range(n)", "return sum"),
    "loop_over_rows_of_any_number": ("x: n C", "loop over an array", "return [row"),
    "while_loop": ("x: n C", "n > ", "while i"),
    "inverse": ("x: n n", "np.linalg.inv", "return np.linalg"),
    "to_float": ("x: n C", "float()", "return float"),
    "caught": ("x: n C", "float()", "return x * float"),
    "random_mask": ("x: n C", "np.random.rand", "return x * (np"),
    "generator": ("x: n C", "np.random.default_rng", "return x * np"),
    "sorted_entries": ("x: n C", "np.sort", "return np.sort"),
    "large_size": ("x: n C", "n > 512", "return x if"),
    "size_as_plain_number": ("x: n C", "plain number", ""),
    "not_the_same_twice": ("x: n C", "called again", ""),
    "raises": ("x: n C", "RuntimeError: no gradient here", "raise RuntimeError"),
    "wrong_shapes": ("x: n C", "n×C @ n×C", "return x @ x"),
    "uneven_heads": ("x: n C", "C // 2", "return x.reshape"),
    "text": ("x: n C", "str, not an array", ""),
    "made_outside": ("x: 3 3", "made outside", "np.multiply"),
    "repeated_labels": ("w: V D, ids: n int<V, g: n D", "written twice", "out[ids] -= "),
    "cut_to_integers": ("x: n C, y: n int<C", "dtype int64", "out[:] = x"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_traced_is_named_with_its_line(name):
    given, words, line = REFUSED[name]
    with pytest.raises(Untraceable) as caught:
        trace(getattr(untraceable, name), parse_givens(given))
    assert words in str(caught.value)
    if line:
        assert caught.value.file == untraceable.__file__
        assert line in linecache.getline(untraceable.__file__, caught.value.line)


def test_a_write_to_an_array_that_an_attribute_names():
    names = "X W1 b1 W2 b2 y".split()
    givens = {t.name: t for t in parse_givens(CASES["two_layer_net"].given)}
    traced = trace(two_layer_net, [givens[n] for n in names])
    spoiled = [w for w in traced.writes if w.through == "delta"]
    assert [w.also for w in spoiled] == [("self.probs",), ("self.probs",)]
    assert "delta[range(n), self.y] -= 1" in linecache.getline(spoiled[0].file, spoiled[0].line)
    assert ("delta", "self.probs") in traced.aliases and traced.mutated == ("self.probs",)


class Layer:
    def __init__(self, W):
        self.W, self.dW = W, np.zeros_like(W)

    def accumulate(self, X, dY):
        self.dW += X.T @ dY
        self.W -= 0.1 * self.dW
        return self.dW.copy()


def in_its_own_attributes(X, W, dY):
    layer = Layer(W)
    return layer.accumulate(X, dY)


def shifted_in_place(X, W, dY):
    X -= X.max(axis=1, keepdims=True)
    return X


def shifted_copy(X, W, dY):
    X = X - X.max(axis=1, keepdims=True)
    X *= 2
    cache = (X, dY)
    scaled = cache[1] * 2
    scaled += 1
    return X


def spoiled_cache(X, W, dY):
    cache = {"X": X * 1, "dY": dY}
    x = cache["X"]
    x *= 2
    return x * 1


def view_written(X, W, dY):
    rows = X.T
    rows[0] = 0
    return rows * 2


WRITES = {
    shifted_in_place: [("X", (), ("X",))],
    shifted_copy: [],
    spoiled_cache: [("x", ("cache['X']",), ())],
    in_its_own_attributes: [("self.W", (), ("W",))],
    view_written: [("rows", (), ("X",))],
}


@pytest.mark.parametrize("function", WRITES, ids=lambda f: f.__name__)
def test_writes_that_somebody_else_sees(function):
    traced = trace(function, parse_givens("X: n D, W: D H, dY: n H"))
    assert [(w.through, w.also, w.inputs) for w in traced.writes] == WRITES[function]


def test_outputs_that_share_memory():
    x = parse_givens("x: n C")
    assert trace(lambda x: (x.T, x * 2), x).aliases == (("output 0", "x"),)
    assert trace(lambda x: 2 * x, x).aliases == ()
    twice = trace(lambda x: (y := 2 * x, y[0]), x)
    assert twice.aliases == (("output 0", "output 1"),)


ASSUMED = {
    "n ≠ 1": lambda x: x if x.shape[0] == 1 else 2 * x,
    "C ≠ n": lambda x: x if x.shape[0] == x.shape[1] else 2 * x,
    "n - 1 ≥ 1": lambda x: x / max(len(x) - 1, 1),
    "n > 1": lambda x: x / (len(x) - 1) if len(x) > 1 else x,
    "n ≥ 3": lambda x: x - x[2],
    "C ≥ 2": lambda x: x - x[:, -2:-1],
}


@pytest.mark.parametrize("words", ASSUMED)
def test_a_question_about_sizes_is_an_assumption(words):
    traced = trace(ASSUMED[words], parse_givens("x: n C"))
    assert [a for a in traced.assumptions if a in (words, " ≠ ".join(reversed(words.split(" ≠ "))))]


def test_no_assumption_without_a_question():
    assert trace(lambda x: x / len(x) if len(x) > 0 and x.ndim == 2 else x, parse_givens("x: n C")).assumptions == ()


def test_known_formulas_give_their_names():
    case = CASES["two_layer_net"]
    derivation = derived(case)
    definitions = [*derivation.definitions, *(r.definition for r in derivation.results)]
    traced = trace(case.function, derivation.givens, known=definitions)
    assert [type(e.body) for e in traced.entries] == [Element] * 4
    assert [e.body.tensor.name for e in traced.entries] == ["dW1", "db1", "dW2", "db2"]


def test_numpy_is_as_it_was():
    before = np.zeros, np.random.rand, dict(vars(traced_code)), dict(vars(untraceable))
    for function in (traced_code.scalars, untraceable.to_float):
        with suppress(Untraceable):
            trace(function, parse_givens("x: n C, v: C")[: function.__code__.co_argcount])
    assert (np.zeros, np.random.rand, vars(traced_code), vars(untraceable)) == before


def test_a_computed_constant_is_read_as_what_it_is():
    traced = trace(lambda x: x * (1 / 3), parse_givens("x: n"))
    assert traced.notes == ("0.3333333333333333 is read as 1/3",)
    assert trace(lambda x: x * 0.333333, parse_givens("x: n")).notes == ()


def test_arguments_in_containers_and_sizes():
    x, w = parse_givens("x: n C, w: C")
    n = x.dims[0]

    def function(layers, count, scale):
        return layers["x"] * layers["rest"][0] / count * scale

    traced = trace(function, [{"x": x, "rest": [w]}, n, 2.0])
    i, c = traced.outputs[0].indices
    assert traced.outputs[0].body == 2 * Element(x, i, c) * Element(w, c) / n
