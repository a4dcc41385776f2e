"""Input with two batch axes: what a layer that was written for matrices does with a sequence of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sympy import Expr

from ...calculus.tensors import Tensor
from ...numeric.regimes import DISTINCT, REGIMES
from ..subjects.protocol import Array
from .observations import as_array
from .prober import Prober

#: The batch of six, as two by three.
BATCH = (2, 3)


def rank_three(prober: Prober) -> str | None:
    """What happens with input of shape (2, 3, …); "" where all is right, None where it does not apply.

    It applies to layers: one dimension, the batch, leads the inputs and the upstream gradient and is nowhere else.
    """
    batch = _batch(prober)
    if batch is None:
        return None
    dims = prober.derivation.dims
    regime = next(r for r in REGIMES if r.name == "unequal sizes")
    others = iter(s for s in DISTINCT if s not in (6, 2, 3))
    sizes = tuple(6 if d == batch else next(others) for d in dims)
    point = prober.point(replace(regime, name="two batch axes", sizes=lambda k: sizes), prober.finest)
    tensors = dict(zip(prober.binding.arguments, prober.binding.tensors, strict=True))
    wide = {a: _split(v) if _leads(tensors[a], batch) else v for a, v in point.arguments.items()}
    assert point.upstream is not None
    ran = prober.call(replace(point, arguments=wide, upstream=_split(point.upstream)))
    failed = prober.failure(point, ran)
    if failed is not None:
        return f"raises {failed.message}"
    if len(ran.value) != len(prober.targets):
        return f"{len(ran.value)} gradients come back"
    for t, (_, value) in zip(prober.targets, ran.value, strict=True):
        got = as_array(value)
        if t is not None and got is not None:
            expected = point.values[t.name].shape
            full = (*BATCH, *expected[1:]) if _leads(t, batch) else expected
            if got.shape != full and got.size != point.values[t.name].size:
                return f"the gradient of {t.name} has shape {got.shape}, expected {full}"
    flat = [(n, _joined(v, t, point.values)) for t, (n, v) in zip(prober.targets, ran.value, strict=True)]
    compared, _ = prober.compare(point, tuple(flat))
    wrong = [c.of for c in compared if not c.ok]
    return f"the gradient of {' and '.join(wrong)} is wrong" if wrong else ""


def _batch(prober: Prober) -> Expr | None:
    upstream, tensors = prober.binding.upstream, prober.binding.tensors
    if upstream is None or upstream.rank < 2 or prober.elementwise or not prober.oracle.paired:
        return None
    batch = upstream.dims[0]
    inside: Sequence[Any] = [d for t in (*tensors, upstream) for d in t.dims[1:]]
    leading = [t for t in tensors if _leads(t, batch) and t.rank >= 2]
    if batch.is_number or batch in inside or not leading or any(t.dims[:1] == (batch,) and t.rank < 2 for t in tensors):
        return None
    return batch


def _leads(t: Tensor, batch: Expr) -> bool:
    return t.rank > 0 and t.dims[0] == batch


def _split(v: Array) -> Array:
    return v.reshape(*BATCH, *v.shape[1:])


def _joined(value: Any, t: Tensor | None, values: Mapping[str, Array]) -> Any:
    got = as_array(value)
    if t is None or got is None or got.size != values[t.name].size:
        return value
    return got.reshape(values[t.name].shape)
