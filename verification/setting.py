"""How a subject is run: on which device, in which dtypes, at which sizes and arrays besides the regimes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from inspect import isfunction
from typing import Any

from .probing.observations import as_array
from .probing.stated import Stated, checked
from .subjects.adapters import on_tensors
from .subjects.binding import declared, from_arrays
from .subjects.kernels import kernel_of
from .subjects.naming import is_rate
from .subjects.placement import TORCH, array_of, placed
from .subjects.protocol import Subject, SubjectError, parameters

#: Of a text that is meant as an id, and not as an expression.
_ID = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-")
_UPSTREAM = re.compile(r"upstream\(\s*(\w+)\s*,")
DEVICES = ("cpu", "cuda", "auto")
DTYPES = ("float64", "float32", "float16", "bfloat16")


@dataclass(frozen=True)
class Setting:
    """subject: as it is run. inputs: what the binding is made from. kernel: the name of one that it launches."""

    subject: Subject
    inputs: Any
    dtypes: tuple[str, ...]
    stated: Stated
    kernel: str | None


def settled(
    subject: Subject,
    device: str,
    dtypes: Sequence[str] | None,
    sizes: Mapping[str, int] | Sequence[Mapping[str, int]] | None,
    inputs: Any,
    against: Any = None,
) -> Setting:
    """The setting. Raises SubjectError for what does not go together, MissingTorch and NoCuda."""
    kernel = kernel_of(subject.raw) or (kernel_of(subject.forward) if subject.forward is not None else None)
    tensors = subject.kind in TORCH or kernel is not None or on_tensors((subject.raw, subject.forward))
    device = _device(device, subject, tensors)
    chosen = _dtypes(dtypes, device, subject, tensors)
    named = [sizes] if isinstance(sizes, Mapping) else list(sizes or ())
    arrays: dict[str, Any] = {}
    upstream = None
    if isinstance(inputs, tuple) and inputs:
        arrays, upstream, inputs = _arrays(subject, inputs)
        if isinstance(against, str) and not is_id(against):
            inputs = _declared(subject, inputs, upstream, against)
    if device != "cpu" or (tensors and subject.kind not in TORCH):
        subject = placed(subject, device)
    stated = Stated(tuple(checked(s) for s in named), arrays, upstream, kernel is not None)
    return Setting(subject, inputs, chosen, stated, kernel)


def _device(device: str, subject: Subject, tensors: bool) -> str:
    if device not in DEVICES:
        raise SubjectError(f"device is {device!r}; it must be {', '.join(DEVICES[:-1])} or {DEVICES[-1]}")
    if device == "cpu" or (device == "auto" and not tensors):
        return "cpu"
    if not tensors:
        raise SubjectError(f"{subject.name} does not work on torch tensors, so it runs on the CPU. Leave --device out")
    from ..numeric.checking.torch_side import load

    return load(device)[1]


def _dtypes(dtypes: Sequence[str] | None, device: str, subject: Subject, tensors: bool) -> tuple[str, ...]:
    if not dtypes:
        return DTYPES if device == "cuda" else DTYPES[:2]
    for dtype in dtypes:
        if dtype not in DTYPES:
            raise SubjectError(f"{dtype!r} is not a dtype that code can be run in; there are {', '.join(DTYPES)}")
        if dtype == "bfloat16" and not tensors:
            raise SubjectError(
                f"NumPy has no bfloat16, and {subject.name} is no torch code; leave it out, or use float16"
            )
        if dtype == "float16" and _updates(subject):
            raise SubjectError(
                f"{subject.name} applies its gradients with a learning rate, and float16 has no room to read "
                "them back; leave it out, or return the gradients"
            )
    return tuple(dict.fromkeys(dtypes))


def _updates(subject: Subject) -> bool:
    methods = vars(subject.raw).values() if subject.kind == "class" and isinstance(subject.raw, type) else ()
    return any(is_rate(p.name) for m in methods if isfunction(m) for p in parameters(m))


def is_id(against: str) -> bool:
    """Whether a text is meant as an id of the catalogue, and not as a formula."""
    return set(against) <= _ID


def _declared(subject: Subject, arrays: tuple[Any, ...], upstream: Any, formula: str) -> str:
    """``"x: n d, b: d"`` for example arrays: a formula needs the names and the dimensions of what it reads."""
    names = [n for n in subject.parameter_names if n != subject.upstream_name]
    given = dict(zip((n for n in subject.parameter_names), arrays, strict=False))
    tensors = from_arrays(subject, tuple(given.values()))
    declarations = [declared(t) for t in tensors if t.name in names]
    taken = _UPSTREAM.search(formula)
    if taken is not None and taken[1] not in given:
        if upstream is None:
            raise SubjectError(f"{taken[1]} is the upstream gradient; give it as one more example array, the last")
        letters = {
            s: d for t, a in zip(tensors, given.values(), strict=True) for d, s in zip(t.dims, a.shape, strict=True)
        }
        unknown = [s for s in upstream.shape if s not in letters]
        if unknown:
            raise SubjectError(
                f"the upstream gradient has shape {upstream.shape}; no other array has an axis of {unknown[0]}"
            )
        declarations.append(" ".join([f"{taken[1]}:", *(str(letters[s]) for s in upstream.shape)]))
    elif taken is not None:
        declarations.append(next(declared(t) for t in tensors if t.name == taken[1]))
    return ", ".join(dict.fromkeys(declarations))


def _arrays(subject: Subject, inputs: tuple[Any, ...]) -> tuple[dict[str, Any], Any, tuple[Any, ...]]:
    """Example arrays by parameter; one more than there are parameters is the upstream gradient."""
    found = [as_array(array_of(a)) for a in inputs]
    names = [n for n in subject.parameter_names]
    if len(found) == len(names) + 1 and subject.upstream_name is not None and subject.upstream_name not in names:
        *found, upstream = found
    else:
        at = names.index(subject.upstream_name) if subject.upstream_name in names else len(found)
        upstream = found[at] if at < len(found) else None
    arrays = {n: a for n, a in zip(names, found, strict=False) if a is not None}
    return arrays, upstream, tuple(found)
