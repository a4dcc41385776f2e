"""One function of a generated module as array operations: what every target language writes down.

Nothing here is text of a language: names, array programs, and the sizes that they need.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from sympy import Expr, Mul

from ..calculus.derivation import Definition, Derivation
from ..calculus.dimensions import free_dimensions
from ..calculus.functions import Unknown, sigmoid, softplus
from ..calculus.sums import rebuild
from ..calculus.tensors import Element, Tensor
from . import program
from .candidates import CHEAPEST, ELSEWHERE, taken
from .layout import broadcastable
from .lower import lower
from .masks import with_numbers
from .plans import GeneratedFunction, LongForm, Plan, identifier, is_elementwise
from .program import Node
from .rounding import with_fewer_roundings, with_parameters_first
from .stability import near_forms
from .stability.choices import distributed
from .stability.forms import InOrder, Squared
from .stability.opposite_exponents import with_opposite
from .stability.projections import with_differences
from .stability.rewriting import stabilise
from .stability.row_scaling import with_scaled_rows
from .stability.saturation import clip_saturated


@dataclass(frozen=True)
class Argument:
    """An argument of a generated function: a given by its Python name, or a function given by its derivative."""

    name: str
    given: Tensor
    default: float | None = None


@dataclass(frozen=True)
class Near:
    """What a function computes where low ≤ variable ≤ high, and parameters have their defaults.

    assigned: what is returned, by Python name.
    """

    variable: str
    low: float
    high: float
    defaults: Mapping[str, float]
    assigned: tuple[tuple[str, Node], ...]


@dataclass(frozen=True)
class ArrayFunction:
    """What one generated function computes.

    plan: its name and what it returns. derivation: whose it is. known: definitions and results by name. arguments: in
    order, those with a default last. assigned: the named values on the way, each after what it reads, by Python name.
    returned: the array programs of what is returned, in the order of ``plan.returns``. dims: names of the dimensions
    that the programs need as numbers. elementwise: all is computed entry by entry, on arrays of any shape. anchor: the
    Python name of an argument whose dtype the answer has; None where no argument is an array of floats. wide: its
    exponentials are larger than the largest number of float16. near: a shorter form for entries of moderate size, if it
    has one.
    """

    plan: Plan
    derivation: Derivation
    known: Mapping[str, Definition]
    arguments: tuple[Argument, ...]
    assigned: tuple[tuple[str, Node], ...]
    returned: tuple[Node, ...]
    dims: tuple[str, ...]
    elementwise: bool
    anchor: str | None
    wide: bool = False
    near: Near | None = None

    @property
    def name(self) -> str:
        return self.plan.name

    @property
    def givens(self) -> tuple[Tensor, ...]:
        """The given of each argument."""
        return tuple(a.given for a in self.arguments)

    @property
    def roots(self) -> tuple[Node, ...]:
        """All programs, in the order in which they are computed."""
        return (*(node for _, node in self.assigned), *self.returned)

    @property
    def taken(self) -> set[str]:
        """Names that mean something already: givens, definitions and dimensions."""
        return _names_in_use(self.derivation, self.known) | {name for name, _ in self.assigned}

    def described(self, long: tuple[LongForm, ...] = ()) -> GeneratedFunction:
        """Its signature and what it returns. long: how the code computes long arrays."""
        return GeneratedFunction(
            self.name,
            tuple(a.name for a in self.arguments),
            tuple(d.name for d in self.plan.returns),
            self.plan.role,
            tuple(a.name for a in self.arguments if a.default is not None),
            self.plan.order,
            long,
        )


def array_function(derivation: Derivation, plan: Plan, *, stable: bool = True, form: str = ELSEWHERE) -> ArrayFunction:
    """The stable array programs of one function, or those of the formulas as they stand.

    form: of a function of one variable: a name of :data:`~.candidates.FORMS`, or the cheapest in NumPy.

    Raises :class:`~.lower.Unsupported` where a formula has none.
    """
    elementwise = is_elementwise(derivation)
    rewrite = (partial(_stable_entries, form=form) if elementwise else _stable) if stable else _as_it_stands
    given = {t.name for t in derivation.givens}
    results = [r.definition for r in derivation.results if r.name not in given]
    known = as_said = {d.name: d for d in (*derivation.definitions, *results)}
    names = [d.name for d in plan.returns]
    if elementwise:
        bodies = {d.name: Definition(d.tensor, d.indices, _unfold(d.body, known, stable)) for d in known.values()}
        targets = {name: rewrite(d.body, {}) for name, d in bodies.items()}
    else:
        if stable and (plan.kind != "one step to" or len(names) == 1):  # beside a state, squares bound the steps
            taken = _names_in_use(derivation, known)
            known = with_scaled_rows(with_differences(known, names, taken), names, taken)
        targets = {name: rewrite(d.body, known) for name, d in known.items()}
    needed = names if elementwise else _needed(names, targets, known)
    dims = [d for n in names for d in known[n].tensor.dims]
    arguments = _arguments(derivation, [targets[n] for n in needed], dims)
    anchor = next((identifier(a.given.name) for a in arguments if is_float(a.given)), None)
    nodes = with_numbers({n: _node(known[n], targets[n], anchor, elementwise, n in names) for n in needed})
    if elementwise and stable:
        nodes = with_fewer_roundings(nodes)
    single = len(names) == 1
    assigned = tuple((identifier(n), nodes[n]) for n in needed if not (single and n == names[0]))
    returned = tuple(nodes[n] for n in names)
    needs = dimensions_of((*(node for _, node in assigned), *returned))
    arguments = _with_sizes(derivation, arguments, needs)
    wide = any(targets[n].has(Squared) for n in names)
    shorter = None
    if elementwise and stable and form == CHEAPEST:
        shorter = _near([bodies[n] for n in names], targets, known, arguments)
    return ArrayFunction(
        plan, derivation, as_said, arguments, assigned, returned, needs, elementwise, anchor, wide, shorter
    )


def _near(
    bodies: Sequence[Definition],
    targets: Mapping[str, Expr],
    known: Mapping[str, Definition],
    arguments: Sequence[Argument],
) -> Near | None:
    """The shorter form of a function of one variable, its first argument. bodies: what is returned, unfolded."""
    names = [d.name for d in bodies]
    forms = {d.name: near_forms.normal(d.body) or near_forms.near(targets[d.name]) for d in bodies}
    between = near_forms.interval([targets[n] for n in names], list(forms.values()))
    if between is None:
        return None
    first = arguments[0]
    shown = with_opposite([e for e in forms.values() if e is not None])
    nodes = {n: _node(known[n], e, first.name, True, True) for n, e in zip(forms, shown, strict=True)}
    nodes = with_parameters_first(with_numbers(nodes))
    defaults = {a.name: a.default for a in arguments if a.default is not None}
    return Near(first.name, *between, defaults, tuple((identifier(n), nodes[n]) for n in names))


def _names_in_use(derivation: Derivation, known: Mapping[str, Definition]) -> set[str]:
    names = {identifier(t.name) for t in (*derivation.givens, *(d.tensor for d in known.values()))}
    return names | {str(d) for d in derivation.dims}


def dimensions_of(roots: Iterable[Node]) -> tuple[str, ...]:
    """Names of the dimensions that programs need as numbers, in the order in which they meet them."""
    found: dict[str, None] = {}
    seen: set[Node] = set()

    def visit(node: Node) -> None:
        if node in seen:
            return
        seen.add(node)
        for arg in node.args:
            visit(arg)
        texts = {"dim": node.data[:1], "eye": node.data[:1], "arange": node.data[:1], "put": node.data[1:2]}
        texts["full"] = tuple(re.findall(r"[^\W\d]\w*", str(node.data[1] or ""))) if node.op == "full" else ()
        found.update(dict.fromkeys(str(t) for t in texts.get(node.op, ()) if not str(t).isdigit()))

    for root in roots:
        visit(root)
    return tuple(found)


def _stable(expr: Expr, known: Mapping[str, Definition]) -> Expr:
    return clip_saturated(stabilise(expr, known))


def _stable_entries(expr: Expr, known: Mapping[str, Definition], form: str = ELSEWHERE) -> Expr:
    """The same for a function that is computed entry by entry. A variable that only multiplies it stays outside."""
    outside = [f for f in Mul.make_args(expr) if isinstance(f, Element) and f.tensor.domain.value is None]
    inside = Mul(*(f for f in Mul.make_args(expr) if f not in outside))
    alone = [f for f in outside if not inside.has(f)]
    inside = Mul(inside, *(f for f in outside if f not in alone))
    name, found = taken(stabilise(distributed(inside), known), form)
    return InOrder(found, Mul(*alone)) if name == "quotient" and alone else Mul(found, *alone)


def _as_it_stands(expr: Expr, known: Mapping[str, Definition]) -> Expr:
    """Without any rewriting; sigmoid and softplus are written out."""
    return rebuild(
        expr, lambda e: _as_it_stands(e.as_elementary(), known) if isinstance(e, sigmoid | softplus) else None
    )


def _unfold(expr: Expr, known: Mapping[str, Definition], stable: bool) -> Expr:
    """All definitions unfolded: a function of one variable is computed from that variable."""

    def leaf(e: Expr) -> Expr | None:
        if isinstance(e, Element) and e.tensor.name in known:
            body = _unfold(known[e.tensor.name].body, known, stable)
            return stabilise(body) if stable else body
        return None

    return rebuild(expr, leaf)


def _needed(returned: Sequence[str], targets: Mapping[str, Expr], known: Mapping[str, Definition]) -> list[str]:
    """The named values that the returned ones read, each after what it reads itself."""
    order: dict[str, None] = {}

    def visit(name: str) -> None:
        if name in order:
            return
        read = {t.name for t in targets[name].atoms(Tensor)}
        for other in known:  # in the order of the derivation
            if other in read:
                visit(other)
        order[name] = None

    for name in returned:
        visit(name)
    return list(order)


def _node(d: Definition, target: Expr, anchor: str | None, elementwise: bool, returned: bool) -> Node:
    array = lower(target, d.indices)
    node = broadcastable(array, d.indices)
    if returned and node.kind == "bool":
        node = program.as_float(node)
    short = len(array.layout) < len(d.indices)
    if elementwise and returned and node.kind == "python" and anchor is not None:
        return Node("full", (node,), (anchor, None), 0)
    if short:
        shape = ", ".join(str(k.dim) for k in d.indices)
        return Node("full", (node,), ("", f"({shape}{',' if len(d.indices) == 1 else ''})"), len(d.indices))
    return node


def is_float(t: Tensor) -> bool:
    """Whether a given is an array of floats."""
    return t.domain.below is None and not t.domain.function and (t.rank > 0 or t.domain.value is None)


def _arguments(derivation: Derivation, targets: Sequence[Expr], dims: Sequence[Expr]) -> tuple[Argument, ...]:
    """The givens that the targets read (a function of scalars keeps all of its variables), defaults last.

    dims: the axes of what is returned. A given that tells a size or the dtype is an argument too.
    """
    read = {t.name for e in targets for t in e.atoms(Tensor)}
    read |= _telling(derivation, read, dims)
    orders = {(u.name, u.order) for e in targets for u in e.atoms(Unknown)}
    found: list[Argument] = []
    for t in derivation.givens:
        name, value = identifier(t.name), t.domain.value
        if t.domain.function:
            found += [Argument(name + "_prime" * k, t) for n, k in sorted(orders) if n == t.name]
        elif t.name in read or (value is None and is_elementwise(derivation)):
            found.append(Argument(name, t, None if value is None else float(value)))
    return tuple(sorted(found, key=lambda a: (a.default is not None, a.given.domain.function)))


def _with_sizes(derivation: Derivation, arguments: tuple[Argument, ...], dims: Sequence[str]) -> tuple[Argument, ...]:
    """The arguments, and for each dimension that the code needs and none of them has, a given that has it."""
    by_name = {str(d): d for d in derivation.dims}
    needed = free_dimensions(by_name[d] for d in dims if d in by_name)
    found = list(arguments)
    for dim in needed:
        if not any(dim in a.given.dims for a in found):
            found += [Argument(identifier(t.name), t) for t in derivation.givens if dim in t.dims][:1]
    order = {identifier(t.name): at for at, t in enumerate(derivation.givens)}
    if len(found) == len(arguments):
        return arguments
    return tuple(sorted(found, key=lambda a: (a.default is not None, a.given.domain.function, order.get(a.name, 0))))


def _telling(derivation: Derivation, read: set[str], dims: Sequence[Expr]) -> set[str]:
    """Givens that are not read, but without which a size, or the dtype of the answer, would not be known."""
    chosen = [t for t in derivation.givens if t.name in read]
    below = [t.domain.below for t in chosen if t.domain.below is not None]
    missing = set(free_dimensions((*dims, *below))) - {s for t in chosen for d in t.dims for s in d.free_symbols}
    added: set[str] = set()
    floats = [t for t in derivation.givens if t.rank and is_float(t)]
    typeless = bool(dims) and not any(is_float(t) for t in chosen)
    for t in sorted(floats, key=lambda t: -len(missing & set(t.dims))):
        if typeless or missing & set(t.dims):
            added.add(t.name)
            missing -= set(t.dims)
            typeless = False
    return added
