"""Power-of-two scaling of rows: norms of rows whose squares overflow, or vanish, in the dtype.

Where X = s·X̂, with any s > 0 for each row, every formula becomes one in X̂ times a power of s, as units are followed
through an equation of physics: √(Σ X²/D + ε) = s·√(Σ X̂²/D + ε/s²). With a power of two near the largest entry as s,
nothing is rounded that was not before, and nothing overflows on the way.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from sympy import Add, Expr, Mul, Number, Pow, S, Symbol

from ...calculus.derivation import Definition
from ...calculus.functions import Indicator, Where
from ...calculus.sums import BoundSum, Delta, bound_sum, occurrences
from ...calculus.tensors import Domain, Element, Index, Tensor
from .named_rows import with_named_rows
from .row_forms import HOMOGENEOUS, Over, RowScale

Known = Mapping[str, Definition]


class NotScalable(Exception):
    """A formula that no scale can be taken out of."""


class MixedUnits(NotScalable):
    """Terms in different units of a scale: it would stay in the formula, and no formula would be simpler for it."""


def with_scaled_rows(known: Known, returned: Sequence[str], taken: set[str]) -> dict[str, Definition]:
    """The definitions, with the rows of every array whose norms are taken scaled. Definitions of scales come first.

    What is returned keeps its value; other definitions may be in units of a scale. ``taken`` are names that mean
    something already.
    """
    found = _scaled(known, _candidates(known, returned), returned, taken)
    named = with_named_rows(found, _norm_powers(found, returned), set(taken))
    scaled = _scaled(named, _computed_rows(named, returned), returned, taken)
    if any(f"{n}_scaled" in scaled for n in named.keys() - found.keys()):
        return scaled
    return _scaled(found, _computed_rows(found, returned), returned, taken)  # a name alone brings nothing


def _scaled(known: Known, arrays: Sequence[Tensor], returned: Sequence[str], taken: set[str]) -> dict[str, Definition]:
    """The definitions, with the rows of these arrays scaled where that brings something."""
    found = dict(known)
    for x in arrays:
        if x.name in found and _is_scaled(x.name, found):
            continue
        for axes in _summed_axes(x, found, returned):
            try:
                scaling = Scaling.of(x, axes, found, {*returned}, taken | found.keys())
                bodies = {n: scaling.definition(n) for n in _needed(found, returned)}
            except NotScalable:
                continue
            if scaling.norms:
                found = {**scaling.first(), **{n: bodies.get(n, d) for n, d in found.items()}}
                break
    return found


def _norm_powers(known: Known, returned: Sequence[str]) -> list[Pow]:
    """The roots of something that are read."""
    return [p for n in _needed(known, returned) for p in occurrences(known[n].body, Pow) if _is_norm_power(p)]


def _needed(known: Known, returned: Sequence[str]) -> list[str]:
    """The definitions that the returned ones read, and these."""
    order: dict[str, None] = {}

    def visit(name: str) -> None:
        if name in known and name not in order:
            for t in known[name].inputs():
                visit(t.name)
            order[name] = None

    for name in returned:
        visit(name)
    return list(order)


def _candidates(known: Known, returned: Sequence[str]) -> list[Tensor]:
    """Arrays that are given and read by a sum; where there is no root and no quotient, none."""
    bodies = [known[n].body for n in _needed(known, returned)]
    if not any(_is_norm_power(p) for b in bodies for p in b.atoms(Pow)):
        return []
    read = {e.tensor for b in bodies for total in occurrences(b, BoundSum) for e in total.atoms(Element)}
    given = [t for t in read if t.name not in known and t.rank and t.domain == Domain()]
    return sorted(given, key=lambda t: t.name)


def _computed_rows(known: Known, returned: Sequence[str]) -> list[Tensor]:
    """Definitions, such as differences, whose squares, or higher powers, are summed under a root."""
    found: dict[Tensor, None] = {}
    for name in _needed(known, returned):
        for p in known[name].body.atoms(Pow):
            if not _is_norm_power(p):
                continue
            named = [known[e.tensor.name].body for e in p.base.atoms(Element) if e.tensor.name in known]
            for total in (t for e in (p.base, *named) for t in occurrences(e, BoundSum)):
                bases = [f.base for f in Mul.make_args(total.body) if isinstance(f, Pow) and f.exp.is_Integer]
                inner = [b.args[0] if isinstance(b, HOMOGENEOUS) else b for b in bases]
                found |= {e.tensor: None for e in inner if isinstance(e, Element) and e.tensor.name in known}
    return list(found)


def _is_scaled(name: str, known: Known) -> bool:
    """Whether a definition is computed from rows that are scaled already."""
    return any(known[n].body.has(RowScale, Over) for n in _needed(known, [name]))


def _is_norm_power(p: Pow) -> bool:
    """A root of something, or its reciprocal."""
    return bool(p.exp.is_Rational and not p.exp.is_Integer)


def _summed_axes(x: Tensor, known: Known, returned: Sequence[str]) -> Iterator[tuple[int, ...]]:
    """The axes of x that sums run over: what may be a row."""
    found: dict[tuple[int, ...], None] = {}
    for name in _needed(known, returned):
        for total in occurrences(known[name].body, BoundSum):
            for e in total.atoms(Element):
                if e.tensor == x and len(set(e.indices)) == x.rank and all(isinstance(i, Index) for i in e.indices):
                    axes = tuple(at for at, i in enumerate(e.indices) if i in total.bound)
                    if axes:
                        found[axes] = None
    yield from found


@dataclass
class Scaling:
    """One array x = s·x̂, with one s for each of its rows, followed through the definitions. x is given, or computed.

    units: what each definition is divided by, a power of s at its own indices. floors: what s is at least. norms:
    whether a root of a sum of squares was met, without which scaling brings nothing.
    """

    x: Tensor
    axes: tuple[int, ...]
    known: Known
    returned: set[str]
    scale: Tensor
    scaled: Tensor
    units: dict[str, Expr] = field(default_factory=dict)
    done: dict[str, Definition] = field(default_factory=dict)
    floors: list[Expr] = field(default_factory=list)
    norms: bool = False

    @property
    def computed(self) -> bool:
        """Whether x is a definition, not an argument."""
        return self.x.name in self.known

    @classmethod
    def of(cls, x: Tensor, axes: tuple[int, ...], known: Known, returned: set[str], taken: set[str]) -> Scaling:
        rest = tuple(d for at, d in enumerate(x.dims) if at not in axes)
        scale, scaled = Tensor(f"{x.name}_scale", rest, Domain(positive=True)), Tensor(f"{x.name}_scaled", x.dims)
        if taken & {scale.name, scaled.name}:
            raise NotScalable(x.name)
        return cls(x, axes, known, returned, scale, scaled)

    def first(self) -> dict[str, Definition]:
        """The definitions of s and x̂."""
        indices = tuple(Index(f"i{at}", d) for at, d in enumerate(self.x.dims))
        entry = Element(self.x, *indices)
        rows = tuple(i for at, i in enumerate(indices) if at not in self.axes)
        least = Add(*self.floors)
        if any(isinstance(k, Index) and k not in rows for k in least.free_symbols):
            raise NotScalable(str(least))
        body = RowScale(bound_sum(entry, *(indices[at] for at in self.axes)), least)
        s = Definition(self.scale, rows, body)
        return {s.name: s, self.scaled.name: Definition(self.scaled, indices, Over(entry, s.element))}

    def definition(self, name: str) -> Definition:
        """A definition in units of its power of s."""
        if name not in self.done:
            d = self.known[name]
            # The array itself is there, and need not be made of its scale again.
            same = self.computed and isinstance(d.body, Element) and d.body.tensor == self.x
            body, unit = (d.body, S.One) if same else self.split(d.body)
            own = {k for k in unit.free_symbols if isinstance(k, Index)}
            if name in self.returned or not own <= {*d.indices}:
                body, unit = Over(body, 1 / unit) if unit * self._own(unit) == 1 else body * unit, S.One
            self.units[name] = unit
            self.done[name] = Definition(d.tensor, d.indices, body, d.pairing)
        return self.done[name]

    def _own(self, unit: Expr) -> Expr:
        """The entry of s in a power of it; 0 where there is none."""
        return next((e for e in unit.atoms(Element) if e.tensor == self.scale), S.Zero)

    def split(self, e: Expr) -> tuple[Expr, Expr]:
        """(e′, u) where e = e′·u for a product u of powers of s, and e′ is written in x̂."""
        if isinstance(e, Element):
            return self._element(e)
        if not e.args or isinstance(e, Number | Symbol | Delta):
            return e, S.One
        if isinstance(e, Add):
            return self._add(e)
        if isinstance(e, Mul):
            parts = [self.split(f) for f in e.args]  # type: ignore[arg-type]
            return Mul(*(p for p, _ in parts)), Mul(*(u for _, u in parts))
        if isinstance(e, Pow):
            return self._power(e)
        if isinstance(e, BoundSum):
            body, fresh = e.open()
            inner, unit = self.split(body)
            if unit.has(*fresh):
                inner, unit = inner * unit, S.One
            return bound_sum(inner, *fresh), unit
        if isinstance(e, HOMOGENEOUS):
            inner, unit = self.split(e.args[0])  # type: ignore[arg-type]
            return e.func(inner), unit
        if isinstance(e, Indicator):
            return Indicator(self.split(e.args[0])[0]), S.One  # type: ignore[arg-type]
        if isinstance(e, Where):
            (a, u), (b, v) = (self.split(branch) for branch in e.args[1:])  # type: ignore[arg-type]
            if u != v:  # a number can be in any units
                a, u = (a / v, v) if a.is_number and u == 1 else (a, u)
                b, v = (b / u, u) if b.is_number and v == 1 else (b, v)
            if u != v:
                a, b, u = a * u, b * v, S.One
            return Where(self.split(e.args[0])[0], a, b), u  # type: ignore[arg-type]
        if isinstance(e, Over):  # of another array that is scaled
            over, unit = self.split(e.args[0])  # type: ignore[arg-type]
            return Over(over, e.args[1]), unit
        parts = [self.split(a) for a in e.args]  # type: ignore[arg-type]
        return e.func(*(p * u for p, u in parts)), S.One

    def _element(self, e: Element) -> tuple[Expr, Expr]:
        if e.tensor == self.x:
            rows = tuple(i for at, i in enumerate(e.indices) if at not in self.axes)
            return Element(self.scaled, *e.indices), Element(self.scale, *rows)
        if e.tensor.name not in self.known:
            return e, S.One
        d = self.definition(e.tensor.name)
        unit = self.units[e.tensor.name]
        return e, unit.xreplace(dict(zip(d.indices, e.indices, strict=True))) if unit != 1 else unit

    def _add(self, e: Add) -> tuple[Expr, Expr]:
        parts = [self.split(t) for t in e.args]  # type: ignore[arg-type]
        unit = max((u for _, u in parts), key=self._degree)
        mixed = any(own != unit for _, own in parts)
        if mixed and self.computed and self._degree(unit) >= 1 and self._reads_norm(e):
            return Add(*(term * own for term, own in parts)), S.One  # a length beside others: its root is taken
        try:
            floors = [self._floor(term, own / unit) for term, own in parts if own != unit]
        except NotScalable as error:
            # x − m for a given m: as it was.
            if not isinstance(error, MixedUnits) and all(map(self._in_plain_units, e.args)):  # type: ignore[arg-type]
                return e, S.One
            if self.computed and self._degree(unit) == 1:
                return Add(*(term * own for term, own in parts)), S.One
            raise
        self.floors += [f for f in floors if f not in self.floors]
        return Add(*(term * own / unit for term, own in parts)), unit

    def _reads_norm(self, e: Expr) -> bool:
        """Whether there is a root of something in an expression, or in a definition that it reads."""
        read = [self.known[x.tensor.name].body for x in e.atoms(Element) if x.tensor.name in self.known]
        return any(_is_norm_power(p) for body in (e, *read) for p in body.atoms(Pow))

    def _in_plain_units(self, e: Expr) -> bool:
        """Whether an expression reads no definition that is now in units of a scale."""
        return all(self.units.get(x.tensor.name, S.One) == 1 for x in e.atoms(Element))

    def _degree(self, unit: Expr) -> Expr:
        return sum((f.as_base_exp()[1] for f in Mul.make_args(unit) if unit != 1), S.Zero)

    def _floor(self, term: Expr, ratio: Expr) -> Expr:
        """What s must be at least for a term that is divided by a power of it: √ε for ε/s²."""
        base, power = ratio.as_base_exp()
        if not isinstance(base, Element) or not power.is_negative:
            raise NotScalable(f"{term} is not in the units of the rest")
        factors = Mul.make_args(term)
        loose = Mul(*(f for f in factors if self._in_plain_units(f) and not f.has(self.scaled) and not f.is_number))
        if loose == 1:
            raise MixedUnits(str(term))
        if not loose.is_positive or any(isinstance(k, Index) for k in loose.free_symbols):
            raise NotScalable(f"{loose} may be anything")
        return loose ** (-1 / power)

    def _power(self, e: Pow) -> tuple[Expr, Expr]:
        inner, unit = self.split(e.base)
        if not e.exp.is_Rational:
            power, own = self.split(e.exp)
            return Pow(inner * unit, power * own), S.One
        if _is_norm_power(e) and self._degree(unit) >= 2:
            self.norms = True
        return inner**e.exp, unit**e.exp
