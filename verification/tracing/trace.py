"""Run a person's NumPy function, unchanged, on symbolic arrays: what it returns, as formulas.

The function runs twice, with different stand-in numbers for the sizes. Where the two formulas differ, a size reached
the result as a plain number, and the trace is refused: a formula is the same for all sizes, or it is none.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Any

import numpy
import sympy
from sympy import Expr, Symbol

from ...calculus.arrays import ArrayExpr, ShapeError, shape_text
from ...calculus.derivation import Definition
from ...calculus.normal_form import Normalizer
from ...calculus.tensors import Index, Tensor
from .concrete import at_sizes, definition_at, tensor_at
from .conversion import symbolic
from .naming import LocalNames
from .one_hot_rows import by_rows
from .opaque import Opaque
from .patching import numpy_made_symbolic
from .recognition import Recognition
from .session import Session, Untraceable, Write, entered, is_persons, left, session
from .sizes import StandIns, SymbolicNumber, number
from .symbolic import SymbolicArray, input_array, is_symbolic, made
from .values import Entries, as_array, flat

__all__ = ["Opaque", "Trace", "Untraceable", "Write", "trace"]


@dataclass(frozen=True)
class Trace:
    """What a function returned, as formulas of its arguments' tensors.

    entries: an array per value returned (tuples, lists and dicts in order, flat), None where it returned None; its
        axes may be flattened products of others.
    names: the keys of a dict that was returned, or empty texts.
    writes: in-place writes to arrays that an argument, an attribute or a cache also names.
    aliases: pairs of names of one memory: an output and an argument, two outputs, a written name and an attribute.
    opaque: values left unexplained, such as the maximum that a softmax subtracts; they stand in formulas as tensors.
    assumptions: what was taken for granted about sizes where the code asked (``n ≠ 1``).
    notes: how numbers were read, and what else a report should say.
    definitions: what local variables held on the way, where that was asked for, in the order in which it is computed;
        local_names: what the code calls them.
    """

    entries: tuple[Entries | None, ...]
    names: tuple[str, ...] = ()
    writes: tuple[Write, ...] = ()
    aliases: tuple[tuple[str, str], ...] = ()
    opaque: tuple[Opaque, ...] = ()
    assumptions: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    definitions: tuple[Definition, ...] = ()
    local_names: Mapping[Tensor, str] = field(default_factory=dict)

    @property
    def outputs(self) -> tuple[ArrayExpr | None, ...]:
        """The arrays that were returned, with one index per axis."""
        return tuple(None if e is None else as_array(e) for e in self.entries)

    def pair(self, output: int, reference: ArrayExpr) -> tuple[Expr, Expr]:
        """The entry of an output and the entry of a reference in the same place: to be judged equal.

        **Raises** :class:`ShapeError` where the shapes differ, ``ValueError`` where the output is None.
        """
        entries = self.entries[output]
        if entries is None:
            raise ValueError(f"output {output} is None")
        if [sympy.expand(a - b) for a, b in zip(entries.dims, reference.dims, strict=False)] != [0] * reference.rank:
            raise ShapeError(f"shape {shape_text(entries.dims)} was returned for {shape_text(reference.dims)}")
        return entries.body, reference.at(*map(flat, entries.axes))

    @property
    def mutated(self) -> tuple[str, ...]:
        """The arguments, attributes and cache entries that were written in place through another name."""
        names = (name for w in self.writes for name in (*w.inputs, *w.also))
        return tuple(dict.fromkeys(names))


def trace(
    function: Callable[..., Any],
    arguments: Sequence[Any],
    *,
    dims: Mapping[Symbol, int] | None = None,
    known: Sequence[Definition] = (),
    naming: bool = False,
) -> Trace:
    """The formulas that a NumPy function computes.

    **Arguments**: the function (it is called twice, so it must start from the same state each time); its positional
    arguments: a :class:`Tensor` becomes a symbolic array, an ``ArrayExpr`` an array of formulas, a dimension an
    integer, containers are searched, and anything else is passed as it is. dims: sizes to make concrete, in the
    tensors' shapes too. known: definitions and adjoints; an intermediate array that equals one takes its name.
    naming: make definitions of what local variables hold, and refer to them in what follows.

    **Raises** :class:`Untraceable` with the operation, the file and the line, also where the code itself raises.
    """
    sizes = {s: sympy.Integer(v) for s, v in (dims or {}).items()}
    given = [at_dims(a, sizes) for a in arguments]
    known = [definition_at(d, sizes) for d in known] if sizes else list(known)
    symbols = _symbols([given, known])
    recognition = Recognition(known) if known else None

    def names() -> LocalNames | None:
        return LocalNames() if naming else None

    first = _run(function, given, Session(StandIns(symbols), recognition, names(), is_concrete=not symbols))
    if symbols:
        second = _run(function, given, Session(StandIns(symbols, run=1), recognition, names()))
        if not _agree(first, second):
            code = getattr(function, "__code__", None)
            file, line = (code.co_filename, code.co_firstlineno) if code else ("", 0)
            reason = "a size reaches it as a plain number, or the code is not the same when called again"
            raise Untraceable("the result", file, line, reason)
    return first


def at_dims(value: Any, sizes: Mapping[Symbol, Expr]) -> Any:
    """An argument with concrete dimensions in the place of symbolic ones."""
    if not sizes:
        return value
    if isinstance(value, Tensor):
        return tensor_at(value, sizes)
    if isinstance(value, ArrayExpr):
        return ArrayExpr(
            tuple(Index(i.name, i.dim.xreplace(sizes)) for i in value.indices), at_sizes(value.body, sizes)
        )
    if isinstance(value, Expr):
        return value.xreplace(sizes)
    if isinstance(value, tuple | list):
        return type(value)(at_dims(v, sizes) for v in value)
    return {k: at_dims(v, sizes) for k, v in value.items()} if type(value) is dict else value


def _symbols(value: Any) -> set[Symbol]:
    if isinstance(value, Tensor):
        return {s for d in value.dims for s in d.free_symbols}
    if isinstance(value, ArrayExpr):
        return {s for d in value.dims for s in d.free_symbols} | {
            s for t in value.body.atoms(Tensor) for s in _symbols(t)
        }
    if isinstance(value, Definition):
        return _symbols(value.tensor) | {s for t in value.body.atoms(Tensor) for s in _symbols(t)}
    if isinstance(value, Expr):
        return set(value.free_symbols)
    if isinstance(value, tuple | list):
        return {s for v in value for s in _symbols(v)}
    return _symbols(list(value.values())) if type(value) is dict else set()


def _argument(value: Any) -> Any:
    if isinstance(value, Tensor):
        return input_array(value)
    if isinstance(value, ArrayExpr):
        axes = tuple(() if i.dim == 1 else (i,) for i in value.indices)
        ones = {i: sympy.Integer(0) for i in value.indices if i.dim == 1}
        return made(Entries(axes, value.body.xreplace(ones)))
    if isinstance(value, Expr):
        return number(value, session().standins)
    if type(value) in (tuple, list):
        return type(value)(_argument(v) for v in value)
    return {k: _argument(v) for k, v in value.items()} if type(value) is dict else value


def _run(function: Callable[..., Any], given: Sequence[Any], current: Session) -> Trace:
    token = entered(current)
    try:
        arguments = [_argument(a) for a in given]
        with numpy_made_symbolic(function):
            try:
                with nullcontext() if current.naming is None else current.naming.watching():
                    returned = function(*arguments)
            except Untraceable:
                raise
            except Exception as error:
                raise _raised(error) from error
        if current.failed is not None:
            raise current.failed
        return _collected(returned, current)
    finally:
        left(token)


def _raised(error: Exception) -> Untraceable:
    """The code raised: where, and what it said."""
    failed = session().failed
    if failed is not None:
        return failed
    places = [f for f in traceback.extract_tb(error.__traceback__) if is_persons(f.filename)]
    file, line = (places[-1].filename, places[-1].lineno or 0) if places else ("", 0)
    return Untraceable("the code", file, line, f"it raises {type(error).__name__}: {error}")


def _collected(returned: Any, current: Session) -> Trace:
    values: list[tuple[str, Any]] = []
    _flatten("", returned, values)
    outputs: list[Entries | None] = []
    memories: list[tuple[str, SymbolicArray]] = []
    for at, (name, value) in enumerate(values):
        what = name or f"output {at}"
        if value is None:
            outputs.append(None)
            continue
        if not (is_symbolic(value) or isinstance(value, SymbolicNumber | int | float | numpy.number | numpy.ndarray)):
            raise Untraceable("the result", "", 0, f"{what} is a {type(value).__name__}, not an array")
        array = symbolic(value)
        outputs.append(array.entries.with_body(by_rows(array.entries.body, current.places)))
        memories.append((what, array))
    named = current.naming
    return Trace(
        tuple(outputs),
        tuple(name for name, _ in values),
        tuple(dict.fromkeys(current.writes)),
        (*_output_aliases(memories), *dict.fromkeys((w.through, name) for w in current.writes for name in w.also)),
        tuple(replace(o, body=by_rows(o.body, current.places)) for o in current.opaque),
        tuple(current.standins.assumed),
        tuple(current.standins.readings),
        tuple(replace(d, body=by_rows(d.body, current.places)) for d in named.definitions) if named else (),
        {d.tensor: n for d in named.definitions if (n := named.name_of(d.tensor))} if named else {},
    )


def _flatten(name: str, value: Any, out: list[tuple[str, Any]]) -> None:
    if type(value) is dict:
        for key, inner in value.items():
            _flatten(str(key), inner, out)
    elif isinstance(value, tuple | list):
        for inner in value:
            _flatten(name, inner, out)
    else:
        out.append((name, value))


def _output_aliases(memories: Sequence[tuple[str, SymbolicArray]]) -> list[tuple[str, str]]:
    found = [(what, a.memory.name) for what, a in memories if a.memory.name]
    return found + [(one, other) for (one, a), (other, b) in combinations(memories, 2) if a.memory is b.memory]


def _agree(first: Trace, second: Trace) -> bool:
    """The same formulas at two sets of stand-in numbers, or none."""
    normalizer = Normalizer()
    same = [len(first.outputs) == len(second.outputs), len(first.opaque) == len(second.opaque)]
    pairs = [*zip(first.outputs, second.outputs, strict=False)]
    pairs += [
        (ArrayExpr((*a.indices, *a.over), a.body), ArrayExpr((*b.indices, *b.over), b.body))
        for a, b in zip(first.opaque, second.opaque, strict=False)
    ]
    same.append([d.tensor for d in first.definitions] == [d.tensor for d in second.definitions])
    pairs += [
        (ArrayExpr(c.indices, c.body), ArrayExpr(d.indices, d.body))
        for c, d in zip(first.definitions, second.definitions, strict=False)
    ]
    for a, b in pairs:  # (both runs make their arrays alike, flattened axes too)
        if a is None or b is None:
            same.append(a is b)
        else:
            same.append(a.dims == b.dims and _equal(normalizer, a, b))
    return all(same)


def _equal(normalizer: Normalizer, a: ArrayExpr, b: ArrayExpr) -> bool:
    other = b.body.xreplace(dict(zip(b.indices, a.indices, strict=True)))
    return bool(other == a.body) or not normalizer.poly(a.body - other)
