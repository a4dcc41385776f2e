"""Arrays that a signature does not promise: other axes, columns for vectors, integers. What happens is explained.

None of it makes correct code wrong: a layer for matrices may refuse a sequence of them. But people hand such arrays in,
and what the code does then is either said by an error, or by nobody.
"""

from __future__ import annotations

import linecache
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from sympy import Expr

from ...calculus.dimensions import defined_dimensions
from ...calculus.tensors import Tensor
from ...numeric.checking.regimes import DISTINCT, REGIMES
from ..report import Explanation
from ..subjects.protocol import Array, Named, parameters
from .observations import as_array
from .prober import Point, Prober
from .safety import PLAIN, arrays_of, close, difference, is_real

#: Six rows, as two by three; one row, as none at all.
BATCHES: tuple[tuple[int, ...], ...] = ((2, 3), ())
_PLACE = re.compile(r"([^:]+\.py):(\d+): (.*)")
_JARGON = re.compile(r", with gufunc signature \S+(?= \()")
SIZES = ("unequal sizes", "batch of one", "equal sizes")


def outside(prober: Prober, covered: dict[str, None]) -> tuple[Explanation, ...]:
    """What happens with arrays beside the signature; those that are right are put into ``covered``."""
    told = [
        *(_leading(prober, batch) for batch in BATCHES),
        *(_column(prober, argument, tensor) for argument, tensor in _vectors(prober)),
        *_integers(prober),
    ]
    covered |= {text: None for text in told if isinstance(text, str) and text}
    return tuple(e for e in told if isinstance(e, Explanation))


# -- other leading axes ------------------------------------------------------------------------------------------------


def _leading(prober: Prober, batch: tuple[int, ...]) -> Explanation | str:
    """Input with the batch axes given, such as (2, 3, D): explained, or in words what is right; "" where none applies.

    It applies to layers: one dimension, the batch, leads the inputs and the upstream gradient and is nowhere else. The
    reference is the derived gradient with the leading axes made one.
    """
    rows = _batch(prober)
    if rows is None:
        return ""
    count = int(np.prod(batch, dtype=int))
    others = iter(s for s in DISTINCT if s not in (count, *batch))
    sizes = tuple(count if d == rows else next(others) for d in prober.derivation.dims)
    regime = next(r for r in REGIMES if r.name == "unequal sizes")
    point = prober.point(replace(regime, name=f"{len(batch)} batch axes", sizes=lambda k: sizes), "float64")
    tensors = dict(zip(prober.binding.arguments, prober.binding.tensors, strict=True))
    leading = [a for a in point.arguments if _leads(tensors[a], rows)]
    wide = {a: _split(v, batch) if a in leading else v for a, v in point.arguments.items()}
    assert point.upstream is not None
    upstream = _split(point.upstream, batch)
    what = "two batch axes (2, 3, …)" if batch else "no batch axis"
    ran = prober.call(replace(point, arguments=wide, upstream=upstream))
    failed = prober.failure(point, ran)
    said = f"raises {_with_line(failed.message, prober)}" if failed is not None else ""
    said = said or _unlike(prober, point, ran.value, batch, rows)
    if not said:
        return f"input with {what}"
    name = prober.binding.upstream.name if prober.binding.upstream is not None else ""
    name = prober.subject.upstream_name or name
    shapes = [f"{a} of shape {wide[a].shape}" for a in leading] + [f"{name} of shape {upstream.shape}"]
    given = [*leading, name]
    if batch:
        calls = ", ".join(f"{n}.reshape(-1, {n}.shape[-1])" for n in given)
        fix = f"make it two axes first: {calls}; give d{leading[0]} the shape of {leading[0]} again"
    else:
        fix = f"give it a batch of one: {', '.join(f'{n}[None, :]' for n in given)}"
    return Explanation(f"input with {what}", said, ", ".join(shapes), fix)


def _unlike(prober: Prober, point: Point, returned: Named, batch: tuple[int, ...], rows: Expr) -> str:
    """How the gradients differ from the derived ones with the leading axes made one; "" where they do not."""
    if len(returned) != len(prober.targets):
        return f"{len(returned)} gradients come back"
    for t, (_, value) in zip(prober.targets, returned, strict=True):
        got = as_array(value)
        if t is None:
            continue
        expected = point.values[t.name].shape
        full = (*batch, *expected[1:]) if _leads(t, rows) else expected
        if got is None or got.shape != full:
            shape = "nothing" if got is None else f"shape {got.shape}"
            return f"no error, but the gradient of {t.name} has {shape} where {full} is expected"
    flat = [(n, _joined(v, t, point.values)) for t, (n, v) in zip(prober.targets, returned, strict=True)]
    compared, _ = prober.compare(point, tuple(flat))
    wrong = [c.of for c in compared if not c.ok]
    return f"no error, but the gradient of {' and '.join(wrong)} is wrong" if wrong else ""


def _batch(prober: Prober) -> Expr | None:
    upstream, tensors = prober.binding.upstream, prober.binding.tensors
    if upstream is None or upstream.rank < 2 or prober.elementwise or not prober.oracle.paired:
        return None
    if defined_dimensions(prober.derivation.dims):  # windows: the axes before the last two are not rows of anything
        return None
    batch = upstream.dims[0]
    inside: Sequence[Any] = [d for t in (*tensors, upstream) for d in t.dims[1:]]
    leading = [t for t in tensors if _leads(t, batch) and t.rank >= 2]
    if batch.is_number or batch in inside or not leading or any(t.dims[:1] == (batch,) and t.rank < 2 for t in tensors):
        return None
    return batch


def _leads(t: Tensor, batch: Expr) -> bool:
    return t.rank > 0 and t.dims[0] == batch


def _split(v: Array, batch: tuple[int, ...]) -> Array:
    return v.reshape(*batch, *v.shape[1:])


def _joined(value: Any, t: Tensor | None, values: Mapping[str, Array]) -> Any:
    got = as_array(value)
    if t is None or got is None or got.size != values[t.name].size:
        return value
    return got.reshape(values[t.name].shape)


# -- columns for vectors -----------------------------------------------------------------------------------------------


def _vectors(prober: Prober) -> Iterator[tuple[str, Tensor]]:
    """The vectors that a caller hands in; those that an object made itself have the shape that it gave them."""
    subject = prober.subject
    given = {p.name for p in parameters(subject.raw)} if isinstance(subject.raw, type) else set()
    if prober.elementwise:
        return
    for argument, tensor in zip(prober.binding.arguments, prober.binding.tensors, strict=True):
        theirs = argument not in subject.optional or argument in given
        if tensor.rank == 1 and theirs and tensor.name not in prober.units:
            yield argument, tensor


def _column(prober: Prober, argument: str, tensor: Tensor) -> Explanation | str:
    """A vector given as a column, at sizes where its axis may be taken for another one."""
    said: dict[bool, str] = {}
    for name in SIZES:
        regime = next((r for r in prober.regimes() if r.name == name), None)
        if regime is None:
            continue
        point = prober.point(regime, "float64")
        column = {**point.arguments, argument: point.arguments[argument][:, None]}
        plain, wide = _with_out(prober, point, point.arguments), _with_out(prober, point, column)
        if isinstance(plain, str):
            return ""
        told = wide if isinstance(wide, str) else _changed(prober, tensor, plain, wide)
        if told:  # one size at which it raises, and one at which it does not, say it all
            said.setdefault(isinstance(wide, str), f"{told} ({_sizes(point)})")
    what = f"{argument} of shape ({tensor.dims[0]}, 1)"
    if not said:
        return what
    return Explanation(what, "; ".join(said.values()), "", f"{argument} = {argument}.reshape(-1)")


def _sizes(point: Point) -> str:
    return ", ".join(f"{d} = {s}" for d, s in point.named_sizes.items())


def _with_out(prober: Prober, point: Point, arguments: Mapping[str, Array]) -> tuple[Array | None, Named] | str:
    """What forward returns and the gradients, or the error."""
    ran = prober.passes(replace(point, arguments=arguments))
    failed = prober.failure(point, ran)
    if failed is not None:
        return f"raises {_with_line(failed.message, prober)}"
    out, returned = ran.value
    return as_array(out), returned


def _changed(
    prober: Prober, tensor: Tensor, plain: tuple[Array | None, Named], wide: tuple[Array | None, Named]
) -> str:
    """What a column in the place of a vector changes; "" where the numbers are those of the vector."""
    before, after = plain[0], wide[0]
    said: list[str] = []
    other: list[str] = []
    if before is not None and after is not None and before.shape != after.shape:
        said.append(f"forward returns shape {after.shape} where {before.shape} is expected")
    elif before is not None and after is not None and not close(before, after):
        said.append("forward returns other numbers")
    for t, x, y in zip(prober.targets, arrays_of(plain[1]), arrays_of(wide[1]), strict=False):
        if t is None or x is None or y is None:
            continue
        expected = (*x.shape, 1) if t == tensor else x.shape
        if y.shape == expected and close(x, y.reshape(x.shape)):
            continue
        if t == tensor and y.shape == x.shape:
            shape = np.broadcast_shapes(expected, y.shape)
            said.append(f"d{t.name} has shape {y.shape}: in an update, {t.name} − η·d{t.name} has shape {shape}")
        elif y.shape != expected:
            said.append(f"d{t.name} has shape {y.shape} where {expected} is expected")
        else:
            other.append(f"d{t.name}")
    if other:
        said.append(f"{', '.join(other)} {'has' if len(other) == 1 else 'have'} other numbers")
    return f"no error, but {', '.join(said)}" if said else ""


# -- integers ----------------------------------------------------------------------------------------------------------


def _integers(prober: Prober) -> Iterator[Explanation | str]:
    """Whole numbers in an integer array mean the same as in a float array."""
    subject = prober.subject
    if subject.kind in ("torch function", "torch callable", "jax") or hasattr(subject.raw, "of_tensors"):
        return  # integer tensors have no gradient there
    name = PLAIN[prober.elementwise]
    regime = next(r for r in REGIMES if r.name == name and r.elementwise is prober.elementwise)
    point = prober.point(regime, "float64")
    tensors = dict(zip(prober.binding.arguments, prober.binding.tensors, strict=True))
    real = {t.name for t in tensors.values() if is_real(t)}
    whole = {a: np.rint(3 * v) if tensors[a].name in real and v.ndim else v for a, v in point.arguments.items()}
    floats = prober.call(replace(point, arguments=whole))
    right = floats.error is None
    for a, v in whole.items():
        if floats.error is not None or tensors[a].name not in real or not v.ndim or a in prober.subject.optional:
            continue
        ints = prober.call(replace(point, arguments={**whole, a: v.astype(np.int64)}))
        failed = prober.failure(point, ints)
        said = f"raises {_with_line(failed.message, prober)}" if failed is not None else ""
        said = said or _other_values(prober, floats.value, ints.value)
        if said:
            fix = f"convert it once: {a} = np.asarray({a}, dtype=float)"
            yield Explanation(f"integer input {a}", said, f"{a} of dtype int64, shape {v.shape}", fix)
        right = right and not said
    if right:
        yield "integer input"


def _other_values(prober: Prober, floats: Named, ints: Named) -> str:
    """Which gradient differs between the same numbers as floats and as integers; "" where none does."""
    for t, x, y in zip(prober.targets, arrays_of(floats), arrays_of(ints), strict=False):
        if t is not None and x is not None and y is not None and not close(x, y):
            how = "is cut to whole numbers" if y.dtype.kind in "iu" else "has other values"
            return f"no error, but the gradient of {t.name} {how}: {difference(x, y)}"
    return ""


def _with_line(message: str, prober: Prober) -> str:
    """``file:line: the line: KeyError: 'W1'``: an error, with the text of its line."""
    message = _JARGON.sub("", message)
    match = _PLACE.match(message)
    if match is None or not prober.subject.file:
        return message
    text = linecache.getline(prober.subject.file, int(match[2])).strip()
    here = prober.subject.file.endswith(match[1].rpartition("/")[2])
    return f"{match[1]}:{match[2]}: {text}: {match[3]}" if text and here else message
