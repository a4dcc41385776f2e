"""What a trace reports besides its formulas: refusals with their line, writes, shared memory, assumptions, notes."""

from __future__ import annotations

import linecache
from contextlib import suppress

import numpy as np
import pytest
import traced_code
import untraceable_code as untraceable
from traced_gradients import CASES, two_layer_net

from nnmath.calculus.parser import parse_givens
from nnmath.calculus.tensors import Element
from nnmath.verification.tracing.trace import Untraceable, trace

REFUSED = {
    "branch_on_value": ("x: n C", "branch", "if x.sum() > 0"),
    "loop_over_size": ("x: n C", "range(n)", "for i in range"),
    "loop_over_len": ("x: n C", "range(n)", "return sum"),
    "loop_over_rows_of_any_number": ("x: n C", "loop over an array", "return [row"),
    "while_loop": ("x: n C", "n > ", "while i"),
    "inverse": ("x: n n", "np.linalg.inv", "return np.linalg"),
    "to_int": ("x: n C", "int()", "return int"),
    "caught": ("x: n C", "int()", "return x * int"),
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


def test_numpy_is_as_it_was():
    before = np.zeros, np.random.rand, dict(vars(traced_code)), dict(vars(untraceable))
    for function in (traced_code.scalars, untraceable.to_int):
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
