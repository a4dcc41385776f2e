"""Plain functions: a gradient function, and a forward/backward pair with or without a cache."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .naming import is_cache, is_upstream, matching, named, returned_names
from .protocol import Array, Pass, Subject, SubjectError, call, parameters, place, required


def gradient_function(function: Callable[..., Any], name: str) -> Subject:
    """``def grad(z, y): … return dz``: all that it needs comes in, gradients come out."""
    names = tuple(p.name for p in parameters(function))
    if not names:
        raise SubjectError(
            f"{name} has no named parameters, so nothing can be given to it; write def {name}(z, y): … return dz"
        )
    gives = returned_names(function)
    must = required(function)
    # g may be a gain: where another parameter is called dy, that one is the gradient.
    upstream = next((n for n in sorted(names, key=lambda n: len(n) == 1) if is_upstream(n)), None)

    def start(inputs: Mapping[str, Any], previous: Pass | None) -> Pass:
        def backward(upstream_value: Array | None) -> Any:
            values = dict(inputs)
            if upstream is not None and upstream not in values and upstream_value is not None:
                values[upstream] = upstream_value
            return named(call(function, values), gives)

        return Pass((), None, backward)

    file, line = place(function)
    optional = frozenset(n for n in names if n not in must)
    return Subject(name, "gradient function", file, line, names, gives, function, start, None, upstream, optional)


def pair(forward: Callable[..., Any], backward: Callable[..., Any], name: str) -> Subject:
    """``forward(x, w) -> out`` or ``(out, cache)``, and ``backward(dout, cache)`` or ``backward(dout, x, w)``."""
    takes = tuple(p.name for p in parameters(forward))
    needs = tuple(p.name for p in parameters(backward))
    if not takes or not needs:
        raise SubjectError(
            f"{name}: forward({', '.join(takes)}) and backward({', '.join(needs)}) must both name their parameters; "
            "write forward(x, w) -> (out, cache) and backward(dout, cache)"
        )
    upstream = _upstream_of(needs, takes)
    gives = returned_names(backward)
    names = (*takes, *(n for n in needs if n != upstream and n not in takes and _is_extra_input(n, needs, upstream)))
    must = set(required(forward)) | set(required(backward))

    def start(inputs: Mapping[str, Any], previous: Pass | None) -> Pass:
        produced = call(forward, {k: v for k, v in inputs.items() if k in takes})
        out, caches = _split(produced)

        def run(upstream_value: Array | None) -> Any:
            values: dict[str, Any] = {}
            left = [n for n in needs if n != upstream]
            for n in list(left):
                if n in inputs:
                    values[n] = inputs[n]
                    left.remove(n)
            if upstream is not None and upstream_value is not None:
                values[upstream] = upstream_value
            values.update(_caches(left, out, caches, must))
            return named(call(backward, values), gives)

        return Pass(_arrays("the output of forward", out) + _arrays("the cache of forward", caches), out, run)

    file, line = place(backward)
    optional = frozenset(n for n in names if n not in must)
    return Subject(name, "forward/backward", file, line, names, gives, backward, start, forward, upstream, optional)


def _upstream_of(needs: tuple[str, ...], takes: tuple[str, ...]) -> str | None:
    candidates = [n for n in needs if n not in takes]
    for n in candidates:
        if is_upstream(n):
            return n
    # backward(cache) of a loss takes no upstream gradient; in backward(a, b) the first is the gradient by custom.
    rest = [n for n in candidates if not is_cache(n)]
    return rest[0] if rest and len(candidates) > 1 and not matching(rest[0], takes) else None


def _is_extra_input(name: str, needs: tuple[str, ...], upstream: str | None) -> bool:
    """A parameter of backward alone that is an input (labels), not something that forward hands over."""
    return bool(matching(name, ("y", "labels"))) and not is_cache(name) and any(is_cache(n) for n in needs)


def _split(produced: Any) -> tuple[Any, tuple[Any, ...]]:
    if isinstance(produced, dict) and any(is_cache(str(k)) for k in produced):  # {"out": …, "cache": …}
        out = [k for k in produced if not is_cache(str(k))]
        if len(out) == 1:
            return produced[out[0]], tuple(v for k, v in produced.items() if k != out[0])
    if isinstance(produced, tuple) and len(produced) > 1:
        return produced[0], produced[1:]
    return produced, ()


def _caches(left: list[str], out: Any, caches: tuple[Any, ...], must: set[str]) -> dict[str, Any]:
    """What forward handed over, given to what backward still needs."""
    wanted = [n for n in left if n in must]
    if not wanted:
        return {}
    if len(wanted) == len(caches):
        return dict(zip(wanted, caches, strict=True))
    if len(wanted) == 1:
        return {wanted[0]: caches if len(caches) > 1 else out}
    if len(caches) == 1 and isinstance(caches[0], tuple | list) and len(caches[0]) == len(wanted):
        return dict(zip(wanted, caches[0], strict=True))
    if len(wanted) == len(caches) + 1:
        return dict(zip(wanted, (out, *caches), strict=True))
    raise SubjectError(
        f"backward wants {', '.join(wanted)}, and forward returns an output and {len(caches)} more; "
        "write forward(…) -> (out, cache) and backward(dout, cache)"
    )


def _arrays(name: str, value: Any) -> tuple[tuple[str, Any], ...]:
    """The arrays inside nested tuples, lists and dicts."""
    if isinstance(value, tuple | list):
        return tuple(found for v in value for found in _arrays(name, v))
    if isinstance(value, dict):
        return tuple(found for k, v in value.items() for found in _arrays(f"{name} ({k})", v))
    return ((name, value),) if hasattr(value, "shape") and hasattr(value, "dtype") else ()
