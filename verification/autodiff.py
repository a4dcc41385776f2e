"""What torch's autograd computes, as formulas: derived for torch's own operations, traced through custom backwards.

An operation of torch has the derivative that the engine derives; a custom Function has the one that its own backward
returns. The chain rule joins them, from the last Function that was called to the first.
"""

from __future__ import annotations

from collections.abc import Sequence

import sympy
from sympy import Expr, Integer

from ..calculus.arrays import ArrayExpr
from ..calculus.derivation import Definition
from ..calculus.sums import rebuild
from ..calculus.tensors import Element, Index, Tensor
from .tracing.intermediates import with_intermediates
from .tracing.session import Untraceable, session, untraceable
from .tracing.symbolic import SymbolicArray, made
from .tracing.torch_tape import Tape, asked
from .tracing.values import Axis, Entries, as_array, broadcast


def gradients(
    out: Entries, upstream: SymbolicArray | None, wanted: Sequence[Tensor], tape: Tape
) -> tuple[Entries | None, ...]:
    """The gradients of ⟨upstream, out⟩ with respect to tensors; None where out does not depend on one.

    **Raises** :class:`Untraceable`, also where a formula cannot be differentiated.
    """
    seed = Entries(out.axes, Integer(1) if upstream is None else broadcast(upstream.entries, out.axes))
    adjoints: dict[Tensor, list[Entries]] = {}
    standing = [t for node in tape.nodes for t in node.outputs if t is not None]
    _pull_back(out, seed, [*wanted, *standing], adjoints, tape)
    for node in reversed(tape.nodes):
        known = [None if t is None else _total(adjoints.get(t, [])) for t in node.outputs]
        if all(k is None for k in known):
            continue
        placed = [None if k is None else _placed(k, axes) for k, axes in zip(known, node.axes, strict=True)]
        for given, found in zip(node.inputs, asked(node, placed), strict=True):
            if found is not None and given is not None:
                _pull_back(given, found, [*wanted, *standing], adjoints, tape)
    return tuple(_total(adjoints.get(t, [])) for t in wanted)


def _total(parts: Sequence[Entries]) -> Entries | None:
    """The sum of what came back along several ways."""
    if not parts:
        return None
    first = parts[0]
    return first.with_body(sympy.Add(first.body, *(broadcast(p, first.axes) for p in parts[1:])))


def _placed(adjoint: Entries, axes: tuple[Axis, ...]) -> Entries:
    """The adjoint of the tensor that stands for an array, on that array's own axes, flattened ones too."""
    own = adjoint.renamed()
    order = iter(own.axes)
    return Entries(tuple(tuple(i for _ in axis for i in next(order)) for axis in axes), own.body)


def _pull_back(
    of: Entries, gradient: Entries, wanted: Sequence[Tensor], adjoints: dict[Tensor, list[Entries]], tape: Tape
) -> None:
    """Add to the adjoints what the gradient of an array of formulas means for the tensors in it."""
    body = broadcast(gradient, of.axes)
    plain = isinstance(of.body, Element) and of.body.tensor in wanted
    if plain and all(k == 0 or isinstance(k, Index) for k in of.body.indices):
        own = [k for k in of.body.indices if isinstance(k, Index)]
        if len(set(own)) == len(own) and set(own) == set(of.indices):
            axes = tuple((k,) if isinstance(k, Index) else () for k in of.body.indices)
            adjoints.setdefault(of.body.tensor, []).append(Entries(axes, tape.plain(body)))
            return
    for tensor, found in _derived(of, body, wanted, tape):
        adjoints.setdefault(tensor, []).append(found)


def _derived(of: Entries, gradient: Expr, wanted: Sequence[Tensor], tape: Tape) -> list[tuple[Tensor, Entries]]:
    """The gradients of an array of formulas by the engine, with the names of what is known in them."""
    from .reference import Formulas, derivation_of, paired

    recognition = session().recognition
    known = {} if recognition is None else {d.tensor: d for d in recognition.known}
    array, weights = as_array(of), as_array(of.with_body(gradient))
    needed: list[Definition] = []
    _reach(array.body, known, set(wanted), needed)
    array = ArrayExpr(array.indices, _without_maxima(array.body))
    taken = {t.name for t in (*known, *wanted)} | {
        str(s) for t in (*known, *wanted) for d in t.dims for s in d.free_symbols
    }
    value = Tensor(_free("value", taken), array.dims)
    inner = with_intermediates(Definition(value, array.indices, array.body), sorted(taken))
    definitions = (*needed, *inner)
    defined = {d.tensor for d in definitions}
    givens = {t for d in definitions for t in d.body.atoms(Tensor) if t not in defined}
    moving = tuple(t for t in wanted if t in givens)
    if not moving:
        return []
    formulas = Formulas("autograd", tuple(sorted(givens, key=lambda t: t.name)), definitions, value, moving)
    name = _free("upstream", taken | {value.name} | {d.name for d in inner})
    try:
        derivation = derivation_of(paired(formulas, name))
    except Untraceable:
        raise
    except (ValueError, NotImplementedError, RecursionError, ArithmeticError) as error:
        raise untraceable("the forward pass", f"it cannot be differentiated: {error}") from error
    if not derivation.proved:
        raise untraceable("the forward pass", f"its derivative is not proved: {derivation.verdict}")
    seeds = ArrayExpr(array.indices, weights.body.xreplace(dict(zip(weights.indices, array.indices, strict=True))))
    put_in: dict[Tensor, ArrayExpr] = {t: seeds for t in derivation.givens if t.name == name}
    put_in |= {d.tensor: ArrayExpr(d.indices, d.body) for d in inner}
    unresolved = {r.tensor: r for r in derivation.results if len(r.wrt) == 1}

    def leaf(e: Expr) -> Expr | None:
        if not isinstance(e, Element):
            return None
        if e.tensor in put_in:
            return rebuild(put_in[e.tensor].at(*e.indices), leaf)
        if e.tensor in unresolved and e.tensor not in defined and e.tensor not in givens:
            return resolved(e.tensor).at(*e.indices)
        return None

    done: dict[Tensor, ArrayExpr] = {}

    def resolved(tensor: Tensor) -> ArrayExpr:
        if tensor not in done:
            r = unresolved[tensor]
            axes = tuple(() if i.dim == 1 else (i,) for i in r.indices)
            ones = {i: Integer(0) for i in r.indices if i.dim == 1}
            entries = Entries(axes, tape.plain(rebuild(r.expr.xreplace(ones), leaf)))
            done[tensor] = as_array(made(entries).entries)
        return done[tensor]

    out = []
    for r in derivation.wanted:
        if len(r.wrt) == 1 and r.wrt[0] in moving:
            found = resolved(r.tensor)
            axes = tuple(() if i.dim == 1 else (i,) for i in found.indices)
            ones = {i: Integer(0) for i in found.indices if i.dim == 1}
            out.append((r.wrt[0], Entries(axes, found.body.xreplace(ones))))
    return out


def _reach(body: Expr, known: dict[Tensor, Definition], wanted: set[Tensor], out: list[Definition]) -> None:
    """The known definitions that a formula rests on, in the order in which they are computed."""
    for tensor in sorted(body.atoms(Tensor), key=lambda t: t.name):
        if tensor in known and tensor not in wanted and all(d.tensor != tensor for d in out):
            _reach(known[tensor].body, known, wanted, out)
            out.append(known[tensor])


def _without_maxima(body: Expr) -> Expr:
    """The formula without the maxima that a softmax subtracts: they must cancel, or the derivative is not known."""
    from ..calculus.prover import Prover

    shifts = {o.tensor for o in session().opaque if o.tensor in body.atoms(Tensor)}
    if not shifts:
        return body
    plain = rebuild(body, lambda e: Integer(0) if isinstance(e, Element) and e.tensor in shifts else None)
    if not Prover().judge(body, plain).is_proved:
        raise untraceable("max", "it does not cancel, so the derivative of the forward pass is not known")
    return plain


def _free(name: str, taken: set[str]) -> str:
    return next(n for n in (name, *(f"{name}{k}" for k in range(2, 1000))) if n not in taken)
