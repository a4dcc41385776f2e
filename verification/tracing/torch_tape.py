"""What autograd would see of a trace: custom Functions, and values that no gradient flows through.

In code that is differentiated, the output of a custom Function is a tensor of its own, so that its own backward can be
asked for the gradient; a detached value is one too, and has no gradient. Afterwards their values take their places.
Inside of a Function's forward and backward, nothing is recorded: there, values are only computed.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from sympy import Expr, Integer, expand

from ...calculus.arrays import shape_text
from ...calculus.sums import rebuild
from ...calculus.tensors import Element, Index, Tensor
from .memory import Memory
from .session import Untraceable, session, untraceable
from .symbolic import SymbolicArray, is_symbolic, made
from .values import Entries, rename


class Constant(Memory):
    """The memory of a tensor that no gradient flows through: a copy of memory that torch would share."""


class Context:
    """``ctx`` of a custom Function: what forward saves for backward."""

    def __init__(self) -> None:
        self.saved_tensors: tuple[Any, ...] = ()
        self.needs_input_grad: tuple[bool, ...] = ()
        self._materialize = True
        self._not_differentiable: tuple[int, ...] = ()

    def save_for_backward(self, *tensors: Any) -> None:
        self.saved_tensors = tensors

    def save_for_forward(self, *tensors: Any) -> None:
        pass

    def set_materialize_grads(self, value: bool) -> None:
        self._materialize = value

    def mark_dirty(self, *tensors: Any) -> None:
        pass  # the writes themselves are traced

    def mark_non_differentiable(self, *tensors: Any) -> None:
        self._not_differentiable = tuple(map(id, tensors))

    @property
    def saved_variables(self) -> tuple[Any, ...]:
        return self.saved_tensors


@dataclass(frozen=True)
class Node:
    """One call of a custom Function: its class, its ctx, its inputs as the tape has them, and its outputs.

    inputs: what they were when it was called, None where an input has no gradient. outputs: the tensors that stand for
    what forward returned, None where no gradient flows back. axes: those of the outputs.
    """

    function: Any
    context: Context
    inputs: tuple[Entries | None, ...]
    outputs: tuple[Tensor | None, ...]
    axes: tuple[tuple[tuple[Index, ...], ...], ...]


@dataclass
class Tape:
    """The custom Functions that were called, in order, and what the tensors that stand for values are."""

    nodes: list[Node] = field(default_factory=list)
    values: dict[Tensor, tuple[tuple[Index, ...], Expr]] = field(default_factory=dict)
    stopped: set[Tensor] = field(default_factory=set)
    copied: list[Memory] = field(default_factory=list)
    inside: int = 0

    def plain(self, body: Expr) -> Expr:
        """A formula with values in the place of the tensors that stand for them."""
        if not self.values:
            return body

        def leaf(e: Expr) -> Expr | None:
            if isinstance(e, Element) and e.tensor in self.values:
                indices, value = self.values[e.tensor]
                return rename(value, dict(zip(indices, (rebuild(i, leaf) for i in e.indices), strict=True)))
            return None

        return rebuild(body, leaf)

    def standing_for(self, array: SymbolicArray, memory: type[Memory] = Memory) -> tuple[SymbolicArray, Tensor]:
        """A tensor that stands for the value of an array."""
        entries = array.entries
        name = f"{'stopped' if memory is Constant else 'function'}_{len(self.values) + 1}_value"
        tensor = Tensor(name, tuple(i.dim for i in entries.indices))
        self.values[tensor] = entries.indices, self.plain(entries.body)
        self.copied.append(array.memory)
        held = memory(entries.indices, Element(tensor, *entries.indices))
        return SymbolicArray(held, entries.axes, entries.indices, array.kind), tensor


_tape: ContextVar[Tape | None] = ContextVar("tape", default=None)


def tape() -> Tape | None:
    """The tape of the code that is differentiated; None where values are only computed."""
    return _tape.get()


@contextmanager
def taped(new: Tape | None) -> Iterator[None]:
    """While it lasts, torch code is recorded on this tape."""
    token = _tape.set(new)
    try:
        yield
    finally:
        _tape.reset(token)


@contextmanager
def _computing(current: Tape | None) -> Iterator[None]:
    """Inside of a custom Function: nothing is recorded."""
    import torch

    if current is not None:
        current.inside += 1
    try:
        with torch.no_grad():
            yield
    finally:
        if current is not None:
            current.inside -= 1


def is_recording() -> bool:
    """Whether a gradient would flow through the operation that is next."""
    import torch

    current = _tape.get()
    return current is not None and not current.inside and torch.is_grad_enabled()


def refuse_write(array: SymbolicArray, operation: str) -> None:
    """Give up where a write would have to be seen by a copy, or would change a gradient behind autograd's back.

    **Raises** Untraceable.
    """
    current = _tape.get()
    if current is None or current.inside:
        return
    if not _grad_enabled():
        raise untraceable(operation, "under no_grad, it writes into what autograd may still differentiate")
    if type(array.memory) is Constant or any(m is array.memory for m in current.copied):
        raise untraceable(operation, "a tensor without gradient shares this memory, or a custom Function does")


def recorded(value: Any) -> Any:
    """What an operation of differentiated code gives; under ``no_grad``, tensors that no gradient flows through."""
    import torch

    current = _tape.get()
    if current is None or current.inside or torch.is_grad_enabled():
        return value
    if is_symbolic(value):
        return _stopped(current, value)
    if isinstance(value, tuple | list) and any(map(is_symbolic, value)):
        parts = [recorded(v) for v in value]
        return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
    return value


def detached(array: SymbolicArray) -> SymbolicArray:
    """``x.detach()``: the same memory where values are only computed, else a value without gradient."""
    current = _tape.get()
    if current is None or current.inside:
        return array
    return _stopped(current, array)


def _stopped(current: Tape, array: SymbolicArray) -> SymbolicArray:
    body = array.entries.body
    if array.kind != "f" or not body.atoms(Tensor) or body.atoms(Tensor) <= current.stopped:
        return array
    found, tensor = current.standing_for(array, Constant)
    current.stopped.add(tensor)
    return found


# -- custom Functions --------------------------------------------------------------------------------------------------


def has_setup(function: Any) -> bool:
    """Functions with ``setup_context`` have a forward without ctx."""
    import torch

    return function.setup_context is not torch.autograd.function._SingleLevelFunction.setup_context


def applied(function: Any, *arguments: Any, **options: Any) -> Any:
    """``F.apply`` on symbolic tensors: forward is run, and on a tape its outputs stand for themselves."""
    current = _tape.get()
    context = Context()
    inputs = tuple(map(_computed(current), arguments))
    context.needs_input_grad = tuple(_entries(a) is not None for a in inputs)
    before = [_entries(a) for a in inputs]
    with _computing(current):
        if has_setup(function):
            returned = function.forward(*inputs, **options)
            function.setup_context(context, inputs, returned)
        else:
            returned = function.forward(context, *inputs, **options)
    if current is None or current.inside:
        return returned
    if [_entries(a) for a in inputs] != before:
        raise untraceable(f"{function.__name__}.apply", "it writes into its input")
    if not _grad_enabled():
        return _all_stopped(returned)
    return _outputs(current, function, context, arguments, returned)


def _entries(value: Any) -> Entries | None:
    """What a tensor that can have a gradient is just now; None for anything else."""
    from .torch_tensor import is_symbolic_tensor

    is_real = is_symbolic_tensor(value) and is_symbolic(value.array) and value.array.kind == "f"
    return value.array.entries if is_real else None


def _grad_enabled() -> bool:
    import torch

    return torch.is_grad_enabled()


def _all_stopped(returned: Any) -> Any:
    from .torch_tensor import unwrapped, wrapped

    return wrapped(recorded(unwrapped(returned)))


def _computed(current: Tape | None) -> Any:
    """An argument with values in the place of what stands for them; itself where nothing does."""
    from .torch_tensor import is_symbolic_tensor, wrapped

    def convert(value: Any) -> Any:
        if current is None or not is_symbolic_tensor(value) or not is_symbolic(value.array):
            return value
        entries = value.array.entries
        body = current.plain(entries.body)
        return value if body == entries.body else wrapped(made(entries.with_body(body), value.array.kind))

    return convert


def _outputs(current: Tape, function: Any, context: Context, arguments: Sequence[Any], returned: Any) -> Any:
    from .torch_tensor import is_symbolic_tensor, wrapped

    many = returned if isinstance(returned, tuple) else (returned,)
    given: list[Any] = []
    tensors: list[Tensor | None] = []
    axes: list[Any] = []
    for value in many:
        if not is_symbolic_tensor(value):
            given.append(value)
            tensors.append(None)
            axes.append(())
            continue
        array = value.array
        if array.kind != "f" or id(value) in context._not_differentiable:
            given.append(wrapped(_stopped(current, array)))
            tensors.append(None)
        else:
            found, tensor = current.standing_for(array)
            given.append(wrapped(found))
            tensors.append(tensor)
        axes.append(array.axes)
    current.nodes.append(Node(function, context, tuple(map(_entries, arguments)), tuple(tensors), tuple(axes)))
    return tuple(given) if isinstance(returned, tuple) else given[0]


def asked(node: Node, gradients: Sequence[Entries | None]) -> tuple[Entries | None, ...]:
    """The gradients that a Function's own backward gives for its inputs, as formulas of values."""
    from .torch_tensor import unwrapped, wrapped

    given: list[Any] = []
    for gradient, axes in zip(gradients, node.axes, strict=True):
        if gradient is None:
            given.append(wrapped(made(Entries(axes, Integer(0)))) if node.context._materialize else None)
        else:
            given.append(wrapped(made(gradient)))
    with _computing(_tape.get()):
        returned = node.function.backward(node.context, *given)
    many = returned if isinstance(returned, tuple | list) else (returned,)
    if len(many) < len(node.inputs) or any(v is not None for v in many[len(node.inputs) :]):
        counts = f"{len(many)} gradients for {len(node.inputs)} inputs"
        raise _refusal(node.function, f"it returns {counts}")
    out: list[Entries | None] = []
    for value, given_in in zip(many, node.inputs, strict=False):
        if value is None or given_in is None:
            out.append(None)
            continue
        found = unwrapped(value)
        if not is_symbolic(found):
            raise _refusal(node.function, f"it returns a {type(value).__name__}")
        if [expand(a - b) for a, b in zip(found.entries.dims, given_in.dims, strict=False)] != [0] * given_in.rank:
            shapes = f"{shape_text(found.entries.dims)} for an input of shape {shape_text(given_in.dims)}"
            raise _refusal(node.function, f"it returns a gradient of shape {shapes}")
        out.append(found.entries)
    return tuple(out)


def _refusal(function: Any, reason: str) -> Untraceable:
    """The exception for a backward that has returned: its place is where it begins."""
    code = getattr(inspect.unwrap(function.backward), "__code__", None)
    file, line = (code.co_filename, code.co_firstlineno) if code else ("", 0)
    failure = Untraceable(f"{function.__name__}.backward", file, line, reason)
    session().failed = session().failed or failure
    return failure
