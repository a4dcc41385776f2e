"""Sums of squares that told whether rows need a scale serve again where none does; where one does, they do not."""

from __future__ import annotations

import numpy as np
import pytest
from derived import derivation, module

from nnmath.numeric.checking.execution import arguments_of, load_source
from nnmath.numeric.checking.regimes import applicable, draw
from nnmath.numeric.numpy_code import generator

#: What knows them, and what cannot: the squares of a row less its mean are others, and a computed row may be
#: overwritten when it is scaled.
KNOWN, UNKNOWN = ("rmsnorm", "weightnorm", "cosine-embedding"), ("layernorm", "batchnorm", "triplet-margin")


@pytest.mark.parametrize("id", KNOWN + UNKNOWN)
def test_who_knows_them(id: str) -> None:
    assert ("squares = _row_squares(" in module(id).source) == (id in KNOWN)


@pytest.mark.parametrize("scale", [1.0, 1e25, 1e-25])
@pytest.mark.parametrize("id", KNOWN)
def test_results_are_those_without(id: str, scale: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bit for bit, in range and beyond; one of the rows, or all of them, scaled."""
    known = generator.generate(derivation(id))
    monkeypatch.setattr(generator, "with_known_squares", lambda names, nodes, taken: (names, nodes))
    without = generator.generate(derivation(id))
    assert known.source != without.source
    regime = next(r for r in applicable(derivation(id), False) if r.name == "unequal sizes")
    case = draw(derivation(id), regime, np.dtype(np.float32), 0, False)
    for function in known.functions:
        for rows in (slice(None), slice(0, 1)):
            arguments = arguments_of(function, derivation(id), case)
            for name in ("X", "U", "A", "B"):
                if name in arguments:
                    arguments[name] = arguments[name].copy()
                    arguments[name][rows] *= np.float32(scale)
            with np.errstate(all="raise", under="ignore"):
                squares = [load_source(m.source)[function.name](**arguments) for m in (known, without)]
            for a, b in zip(*(p if isinstance(p, tuple) else (p,) for p in squares), strict=True):
                assert np.isfinite(a).all()
                np.testing.assert_array_equal(a, b)


def test_where_rows_are_scaled_the_first_squares_would_be_wrong() -> None:
    source = module("rmsnorm").source
    always = source.replace("(squares if X_scaled is X else np.vecdot(X_scaled, X_scaled))", "squares")
    assert always != source
    X, g = np.full((3, 4), 1e25, np.float32), np.ones(4, np.float32)
    right, wrong = (load_source(text)["rmsnorm"](X, g) for text in (source, always))
    np.testing.assert_allclose(right, 1, rtol=1e-6)
    assert not np.isfinite(wrong).all() or abs(wrong - 1).max() > 0.5
