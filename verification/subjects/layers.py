"""Classes with forward and backward, whose gradients are returned, stored in attributes, or applied in an update."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from .modes import settle_mode
from .naming import is_cache, is_gradient_name, is_output_name, is_rate, is_upstream, named, returned_names, target_of
from .pairs import _arrays
from .protocol import Array, Named, Pass, Subject, SubjectError, call, parameters, place
from .sandbox import Endless, guarded
from .state import install, slots, snapshot

FORWARDS = (
    *("forward", "__call__", "call", "loss", "forward_pass", "forward_prop", "forward_propagation", "fprop"),
    *("forward_propagate", "feedforward", "feed_forward", "fwd"),
)
BACKWARDS = (
    *("backward", "backprop", "bwd", "grad", "gradient", "gradients", "backward_pass", "backward_prop", "bprop"),
    *("backward_propagation", "backward_propagate", "backpropagation", "backpropagate", "back_propagation"),
    "back_prop",
)

#: A large power of two: the update then swallows the parameter, and (before − after)/rate is the gradient.
RATE = 2.0**20
#: How many assignments of sizes to constructor arguments are tried.
ATTEMPTS = 400


def methods(obj: Any) -> tuple[str, str] | None:
    """The names of the forward and the backward method; None where an object lacks one."""
    cls = obj if isinstance(obj, type) else type(obj)
    found = [
        next((n for n in names if inspect.isfunction(inspect.getattr_static(cls, n, None))), None)
        for names in (FORWARDS, BACKWARDS)
    ]
    return (found[0], found[1]) if found[0] and found[1] else None


def layer(obj: Any, name: str) -> Subject:
    """The subject of a class, or of an object of one (then a copy of it is the fresh state)."""
    return _Layer(obj, name).subject()


@dataclass
class _Layer:
    obj: Any
    name: str

    def __post_init__(self) -> None:
        self.cls = self.obj if isinstance(self.obj, type) else type(self.obj)
        found = methods(self.obj)
        assert found is not None
        self.forward_name, self.backward_name = found
        self.takes = _method_parameters(self.cls, self.forward_name)
        self.needs = _method_parameters(self.cls, self.backward_name)
        constructor = parameters(self.cls) if isinstance(self.obj, type) else ()
        self.constructor = {p.name: p for p in constructor}
        self.gives = returned_names(getattr(self.cls, self.backward_name))
        self.upstream = self._upstream()
        #: Parameters that backward was seen to update: a gradient of zero leaves no trace of its own.
        self.updated: set[str] = set()
        self.inputs = (
            *(n for n in self.takes if not is_rate(n)),
            *(
                n
                for n, p in self.needs.items()
                if n != self.upstream
                and n not in self.takes
                and not is_rate(n)
                and not is_cache(n)
                and p.default is inspect.Parameter.empty
            ),
        )

    def _upstream(self) -> str | None:
        candidates = [n for n, p in self.needs.items() if n not in self.takes and not is_rate(n) and not is_cache(n)]
        return next((n for n in candidates if is_upstream(n)), None)

    def subject(self) -> Subject:
        own = tuple(s.path for s in self._example() if not is_gradient_name(s.path))
        built = tuple(n for n in self.constructor if not is_rate(n) and n not in self.inputs)
        names = tuple(dict.fromkeys((*self.inputs, *own, *built)))
        must = {n for n in self.inputs if (self.takes.get(n) or self.needs[n]).default is inspect.Parameter.empty}
        file, line = place(self.cls)
        return Subject(
            self.name, "class", file, line, names, self.gives, self.obj, self.start,
            getattr(self.cls, self.forward_name), self.upstream, frozenset(names) - must,
            accumulates=any(hasattr(self.cls, n) for n in ("zero_grad", "zero_grads", "reset_grad")),
        )  # fmt: skip

    def _example(self) -> list[Any]:
        """The array attributes of an object made with some sizes, to learn what its parameters are called."""
        made = guarded(lambda: self._make({}, dict(zip(self._sizes({}), (2, 3, 5, 7, 11, 13), strict=False))))
        if made.hung:
            raise Endless(str(made.error))
        # The person's constructor may want anything; where it raises, only names of parameters are known.
        return [] if made.error is not None else list(slots(made.value))

    def _sizes(self, inputs: Mapping[str, Any]) -> list[str]:
        """The constructor's arguments that must be sizes: required, and no array was given for them."""
        empty = inspect.Parameter.empty
        return [n for n, p in self.constructor.items() if n not in inputs and p.default is empty and not is_rate(n)]

    def _make(self, inputs: Mapping[str, Any], sizes: Mapping[str, int]) -> Any:
        if not isinstance(self.obj, type):
            return copy.deepcopy(self.obj)
        values = {n: inputs[n] for n in self.constructor if n in inputs}
        values |= {n: RATE for n in self.constructor if is_rate(n)}
        return call(self.cls, {**values, **sizes})

    def _construct(self, inputs: Mapping[str, Any]) -> Any:
        """A fresh object that holds the given parameters."""
        wanted = {n: v for n, v in inputs.items() if n not in self.inputs and n not in self.constructor}
        unknown = self._sizes(inputs)
        sizes = sorted({s for v in inputs.values() for s in np.shape(v)} | {1}) if unknown else [1]
        last: Exception | None = None
        attempts = product(sizes, repeat=len(unknown))
        for _, attempt in zip(range(ATTEMPTS), attempts, strict=False):
            try:
                made = self._make(inputs, dict(zip(unknown, attempt, strict=True)))
            except Exception as error:
                last = error
                continue
            shapes = {s.path: s.value.shape for s in slots(made)}
            if all(n in shapes and _without_units(shapes[n]) == _without_units(np.shape(v)) for n, v in wanted.items()):
                return self._fill(made, wanted)
        if last is not None and not unknown:
            raise last
        # No sizes fit: the shapes themselves may be what is wrong, so the parameters are put in as they are.
        try:
            made = self._make(inputs, dict.fromkeys(unknown, max(sizes)))
        except Exception:
            if last is not None:
                raise last from None
            raise
        return self._fill(made, wanted)

    def _fill(self, made: Any, wanted: Mapping[str, Any]) -> Any:
        shapes = {s.path: s.value.shape for s in slots(made)}
        missing = install(made, {n: _shaped(v, shapes.get(n)) for n, v in wanted.items()})
        if missing:
            raise SubjectError(
                f"an object of {self.name} has no attribute {missing[0]}; it has "
                f"{', '.join(s.path for s in slots(made)) or 'no arrays'}"
            )
        for key, value in list(getattr(made, "__dict__", {}).items()):
            if is_rate(key) and isinstance(value, int | float):
                setattr(made, key, RATE)
        return made

    def start(self, inputs: Mapping[str, Any], previous: Pass | None) -> Pass:
        own = {n: v for n, v in inputs.items() if n not in self.inputs}
        if previous is None or not all(n in previous.places for n in own):
            state = self._construct(inputs)
            places = _places(state, own)
        else:
            state, places = previous.state, dict(previous.places)
            shapes = {s.path: s.value.shape for s in slots(state)}
            own = {n: _with_units(v, shapes.get(places[n], ())) for n, v in own.items()}
            install(state, {places[n]: v for n, v in own.items()})
            if any(type(v).__name__ == "SymbolicArray" for v in own.values()):
                _renew_buffers(state, places, own)
        settle_mode(state)
        parts = {n: v for n, v in inputs.items() if n in self.takes}
        parts |= {n: RATE for n in self.takes if is_rate(n)}
        before_forward = {s.path: s.value for s in slots(state)}
        out = call(getattr(state, self.forward_name), parts)
        kept = tuple(
            (f"self.{s.path}", s.value)
            for s in slots(state)
            if before_forward.get(s.path) is not s.value and not is_gradient_name(s.path)
        )

        def backward(upstream: Array | None) -> Named:
            return self._backward(state, inputs, out, upstream)

        return Pass(_arrays("the output of forward", out) + kept, _out(out, kept), backward, state, places)

    def _backward(self, state: Any, inputs: Mapping[str, Any], out: Any, upstream: Array | None) -> Named:
        values: dict[str, Any] = {n: inputs[n] for n in self.needs if n in inputs}
        values |= {n: RATE for n in self.needs if is_rate(n)}
        handed = out[1:] if isinstance(out, tuple) and len(out) > 1 else ()
        values |= {n: handed[0] if len(handed) == 1 else handed or out for n in self.needs if is_cache(n)}
        if self.upstream is not None and upstream is not None:
            values[self.upstream] = upstream
        before = snapshot(state)
        result = call(getattr(state, self.backward_name), values)
        returned = () if result is None or result is state else named(result, self.gives)
        if len(returned) == 1 and self.takes and target_of(returned[0][0], self._known(inputs)) is None:
            returned = ((f"d{next(iter(self.takes))}", returned[0][1]),)
        stored = tuple(self._stored(state, returned, inputs))
        done = {target_of(n, self._known(inputs)) for n, _ in (*returned, *stored)}
        own = [n for n in inputs if n not in self.inputs]
        changes = dict(_changes(state, before, own))
        self.updated |= {path for path, change in changes.items() if _moves(change)}
        applied = tuple((f"d{p}", changes[p]) for p in changes if p in self.updated and p not in done)
        return (*returned, *stored, *applied)

    def _known(self, inputs: Mapping[str, Any]) -> tuple[str, ...]:
        return tuple(inputs)

    def _stored(self, state: Any, returned: Named, inputs: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
        """Gradients left in attributes; those of a list are called after the parameters in the list beside it."""
        for slot in slots(state):
            if not is_gradient_name(slot.path) or any(slot.value is v for _, v in returned):
                continue
            head, _, last = slot.path.rpartition(".")
            beside = next((n for n in inputs if last.isdigit() and n.rpartition(".")[2] == last and n != slot.path), "")
            yield (f"d{beside}" if beside and head else slot.path), slot.value


def _places(state: Any, own: Mapping[str, Any]) -> dict[str, str]:
    """The path of each parameter in an object: that of its name, else that of an array with the same entries."""
    found = {s.path: s.value for s in slots(state)}
    places = {}
    for n, v in own.items():
        same = [p for p, w in found.items() if w is v] or [p for p, w in found.items() if np.array_equal(w, v)]
        if n in found or same:
            places[n] = n if n in found else same[0]
    return places


def _renew_buffers(state: Any, places: Mapping[str, str], own: Mapping[str, Any]) -> None:
    """Arrays that wait for gradients take the kind of their parameters: numbers cannot hold formulas."""
    for slot in slots(state):
        if not is_gradient_name(slot.path):
            continue
        last = slot.path.rpartition(".")[2]
        beside = next((n for n in own if last.isdigit() and places[n].rpartition(".")[2] == last), None)
        target = beside or target_of(slot.path, tuple(own))
        if target is not None:
            slot.assign(np.zeros_like(own[target]))


def _changes(state: Any, before: Mapping[str, Any], own: Sequence[str]) -> Iterator[tuple[str, Any]]:
    """What an update took from each parameter: parameter − rate · gradient."""
    for slot in slots(state):
        old = before.get(slot.path)
        if slot.path in own and old is not None and old.shape == slot.value.shape:
            yield slot.path, ((old - slot.value) / RATE).astype(slot.value.dtype)


def _moves(change: Any) -> bool:
    symbolic = type(change).__name__ == "SymbolicArray"
    return bool(change.entries.body != 0) if symbolic else bool(np.any(change))


def _without_units(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(s for s in shape if s != 1)


def _shaped(value: Any, shape: tuple[int, ...] | None) -> Any:
    """A bias that a class keeps with an axis of length one is given to it that way."""
    if shape is None or shape == np.shape(value) or len(shape) <= np.ndim(value):
        return value
    return value.reshape(shape) if _without_units(shape) == _without_units(value.shape) else value


def _with_units(value: Any, shape: tuple[int, ...]) -> Any:
    """A symbolic parameter with the axes of length one in which the class keeps it."""
    if type(value).__name__ != "SymbolicArray" or len(_without_units(shape)) != value.ndim or len(shape) == value.ndim:
        return value
    return value[tuple(None if s == 1 else slice(None) for s in shape)]


def _out(returned: Any, kept: Sequence[tuple[str, Any]]) -> Any:
    """What forward returns first; where it returns nothing, what it leaves in the one attribute for an output."""
    if returned is None:
        left = [v for path, v in kept if is_output_name(path.rpartition(".")[2])]
        return left[0] if len(left) == 1 else None
    return returned[0] if isinstance(returned, tuple) and len(returned) > 1 else returned


def _method_parameters(cls: type, name: str) -> dict[str, inspect.Parameter]:
    function: Callable[..., Any] = getattr(cls, name)
    static = isinstance(inspect.getattr_static(cls, name), staticmethod)
    return {p.name: p for p in parameters(function) if static or p.name != "self"}


__all__ = ["RATE", "layer", "methods"]
