"""Accuracies as tables in ULP, or as JSON."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from math import isinf, isnan
from typing import TYPE_CHECKING, Any

from .accuracies import Accuracy

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from .numeric.accuracy.arrays import ArrayRow
    from .numeric.accuracy.functions import Row
    from .numeric.accuracy.regions import Region

#: So many regions of one kind are shown, those with the most points; of the others their number.
SHOWN = 2


def as_json(found: Sequence[Accuracy]) -> str:
    import json

    entries = [
        {
            "id": a.id,
            "code": a.code,
            "failed": a.failed,
            "rows": [asdict(r) for r in a.rows],
            "arrays": [asdict(r) for r in a.arrays],
            "costs": a.costs,
            "notes": a.notes,
            "messages": a.messages,
            "seconds": a.seconds,
        }
        for a in found
    ]
    totals = {"entries": len(found), "failed": sum(a.failed for a in found)}
    text = json.dumps({"entries": _finite(entries), "totals": totals}, indent=2, ensure_ascii=False, allow_nan=False)
    return text


def _finite(value: Any) -> Any:
    """JSON has no infinity and no NaN: they become the texts ``inf``, ``-inf`` and ``nan``."""
    if isinstance(value, float) and (isinf(value) or isnan(value)):
        return str(value)
    if isinstance(value, dict):
        return {k: _finite(v) for k, v in value.items()}
    return [_finite(v) for v in value] if isinstance(value, list | tuple) else value


def as_table(found: Sequence[Accuracy], width: int) -> str:
    """One formula in full, or a line for each of several. Coloured only on a terminal that wants colours."""
    from rich.console import Console

    text = io.StringIO()
    console = Console(file=text, width=width, force_terminal=sys.stdout.isatty(), highlight=False)
    if len(found) == 1:
        _one(console, found[0])
    else:
        _many(console, found)
    for note in dict.fromkeys(n for a in found for n in a.notes):
        console.print(f"{note}\n", markup=False)
    for line in _summary(found):
        console.print(line, style="red" if any(a.failed for a in found) else "green", markup=False)
    return text.getvalue()


# --- one formula ---

ONE_LEGEND = (
    "Errors in ULP of the exact value, away from roots. worst: the largest, at x. 99.9 %: of the points are not worse. "
    "root: near a root, in ε of the largest value around it. Fails: NaN, inf, 0 where the exact value is an ordinary "
    "number, more than 1000 ULP."
)
CANDIDATES_LEGEND = (
    "Forms that are equal: quotient, one quotient for both sides; reflection, one decaying exponential on either side; "
    "rules, neither of them. The code takes the cheaper of the first two, where there is one. ns: what it costs for "
    "each entry, by a table of the costs of NumPy's operations in float32."
)
ARRAY_LEGEND = (
    "NaN/inf, zeros: how many entries are so although the exact one is an ordinary number. ULP: worst entry. ε: the "
    "largest error over the largest exact entry. slice: the same, of the worst row (column) that depends on no other."
)


def _one(console: Console, accuracy: Accuracy) -> None:
    for dtype in dict.fromkeys([*(r.dtype for r in accuracy.rows), *(r.dtype for r in accuracy.arrays)]):
        if accuracy.rows:
            rows = [r for r in accuracy.rows if r.dtype == dtype]
            for parameters in {tuple(r.parameters.items()): None for r in rows}:
                chosen = [r for r in rows if tuple(r.parameters.items()) == parameters]
                shown = "".join(f", {name} = {_number(value)}" for name, value in parameters)
                console.print(f"{accuracy.id}, {dtype}{shown}: {chosen[0].points} points", markup=False)
                console.print(_functions(chosen, accuracy))
        else:
            console.print(f"{accuracy.id}, {dtype}", markup=False)
            console.print(_arrays([r for r in accuracy.arrays if r.dtype == dtype]))
    if accuracy.rows or accuracy.arrays:
        console.print(f"{ONE_LEGEND if accuracy.rows else ARRAY_LEGEND}\n")
    if accuracy.costs:
        console.print(f"{CANDIDATES_LEGEND}\n", markup=False)


def _functions(rows: Sequence[Row], accuracy: Accuracy) -> Table:
    near = any(r.roots for r in rows)
    cost = ["ns"] if accuracy.costs else []
    table = _empty(("", "code"), (*cost, "worst", "at x", "99.9 %", *(["root"] if near else [])))
    table.add_column("fails", ratio=1)
    for name in dict.fromkeys(r.name for r in rows):
        for k, row in enumerate(r for r in rows if r.name == name):
            cells = (
                *([_cost(row, accuracy)] if cost else []),
                _ulp(row.away),
                _number(row.away_at) if row.away else "",
                _ulp(row.quantile),
                *([_root(row)] if near else []),
            )
            style = "" if row.sound else "red"
            table.add_row("" if k else row.name, row.implementation, *cells, _regions(row.regions), style=style)
    return table


def _cost(row: Row, accuracy: Accuracy) -> str:
    """What a form costs; of the code itself, that of the form that was taken."""
    costs = accuracy.costs.get(row.name, {})
    stable = [ns for form, ns in costs.items() if form != "rules"] or list(costs.values())
    ns = min(stable, default=None) if row.implementation == accuracy.code else costs.get(row.implementation)
    return "" if ns is None else f"{ns:.1f}"


def _root(row: Row) -> str:
    return _ulp(max(r.worst for r in row.roots)) if row.roots else ""


def _regions(regions: Sequence[Region]) -> str:
    parts = []
    for kind in dict.fromkeys(r.kind for r in regions):
        same = sorted((r for r in regions if r.kind == kind), key=lambda r: -r.points)
        shown = sorted(same[:SHOWN], key=lambda r: r.low)
        more = f" and {len(same) - SHOWN} more" if len(same) > SHOWN else ""
        parts.append(f"{kind} {', '.join(map(_interval, shown))}{more}")
    return "; ".join(parts)


def _interval(region: Region) -> str:
    if region.low == region.high:
        return f"at {_number(region.low)}"
    return f"[{_number(region.low)}, {_number(region.high)}]"


def _arrays(rows: Sequence[ArrayRow]) -> Table:
    table = _empty(("inputs", "", "code"), ("NaN/inf", "zeros", "ULP", "ε", "slice"))
    last = None
    for row in sorted(rows, key=_order(rows)):
        regime = row.regime if row.regime != last else ""
        last = row.regime
        cells = (_percent(row.nan + row.infinite, row.entries), _percent(row.zeros, row.entries))
        sizes = (_ulp(row.worst), _ulp(row.normwise), _ulp(row.slicewise))
        table.add_row(regime, row.name, row.implementation, *cells, *sizes, style="" if row.sound else "red")
    return table


def _order(rows: Sequence[ArrayRow]) -> Any:
    regimes = list(dict.fromkeys(r.regime for r in rows))
    names = list(dict.fromkeys(r.name for r in rows))
    return lambda r: (regimes.index(r.regime), names.index(r.name))


# --- several ---


def _many(console: Console, found: Sequence[Accuracy]) -> None:
    functions = [a for a in found if a.rows]
    layers = [a for a in found if a.arrays]
    if functions:
        orders = sorted({r.order for a in functions for r in a.rows})
        table = _empty(("entry", "dtype", "code"), (*map(_primes, orders), "root"))
        table.add_column("fails", ratio=1)
        for a in functions:
            for row in _lines(a.rows, orders):
                table.add_row(*row[:-1], style="red" if row[-1] else "")
        console.print(table)
        console.print(f"{MANY_LEGEND}\n")
    if layers:
        table = _empty(("entry", "dtype", "code"), ("NaN/inf", "zeros", "ε", "slice"))
        table.add_column("worst slice in", ratio=1)
        for a in layers:
            for dtype, name in dict.fromkeys((r.dtype, r.implementation) for r in a.arrays):
                rows = [r for r in a.arrays if (r.dtype, r.implementation) == (dtype, name)]
                worst = max(rows, key=lambda r: r.slicewise)
                entries = sum(r.entries for r in rows)
                counts = (sum(r.nan + r.infinite for r in rows), sum(r.zeros for r in rows))
                cells = (*(_percent(k, entries) for k in counts), _ulp(max(r.normwise for r in rows)))
                where = f"{worst.name}, {worst.regime}"
                style = "" if all(r.sound for r in rows) else "red"
                table.add_row(a.id, dtype, name, *cells, _ulp(worst.slicewise), where, style=style)
        console.print(table)
        console.print(f"{ARRAY_LEGEND}\n")


MANY_LEGEND = (
    "f, f′, f″: the worst error in ULP away from roots; other derivatives count with those of their order. root: near "
    "a root, in ε of the largest value there. Fails: in how many regions, and with what."
)


def _lines(rows: Sequence[Row], orders: Sequence[int]) -> Iterable[tuple[Any, ...]]:
    """A line for each dtype and implementation: its cells, and whether it failed."""
    for dtype, name in dict.fromkeys((r.dtype, r.implementation) for r in rows):
        same = [r for r in rows if (r.dtype, r.implementation) == (dtype, name)]
        by_order = [[r.away for r in same if r.order == k] for k in orders]
        worst = [_ulp(max(errors)) if errors else "" for errors in by_order]
        near = [root.worst for r in same for root in r.roots]
        kinds: dict[str, int] = {}
        for region in (region for r in same for region in r.regions):
            kinds[region.kind] = kinds.get(region.kind, 0) + 1
        fails = ", ".join(f"{kind}: {count}" for kind, count in kinds.items())
        yield same[0].id, dtype, name, *worst, _ulp(max(near)) if near else "", fails, bool(kinds)


def _primes(order: int) -> str:
    return "f" + "′″‴"[order - 1] if order else "f"


# --- cells ---


def _empty(left: Sequence[str], right: Sequence[str]) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for name in left:
        table.add_column(name, no_wrap=name not in ("entry", "inputs"))
    for name in right:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _ulp(error: float) -> str:
    if isinf(error):
        return "∞"
    return f"{error:.1f}" if error < 100 else f"{error:.0f}" if error < 1e4 else _exponent(f"{error:.0e}")


def _number(x: float) -> str:
    if isinf(x):
        return "∞" if x > 0 else "-∞"
    return _exponent(f"{x + 0.0:.4g}")  # −0 as 0


def _exponent(text: str) -> str:
    """1e+07 as 1e7."""
    mantissa, e, power = text.partition("e")
    return f"{mantissa}e{int(power)}" if e else mantissa


def _percent(count: int, total: int) -> str:
    if not count:
        return "0"
    share = 100 * count / total
    return f"{share:.0f} %" if share >= 9.95 else f"{share:.1f} %" if share >= 0.1 else "< 0.1 %"


def _summary(found: Sequence[Accuracy]) -> Iterable[str]:
    for a in found:
        yield from a.messages
        if a.failures and len(found) == 1:
            names = ", ".join(dict.fromkeys(f"{r.name} in {r.dtype}" for r in a.failures))
            yield f"{a.id}: the {a.code} code fails somewhere: {names}."
    failed = [a.id for a in found if a.failed]
    if len(found) > 1:
        measured = [a for a in found if a.measured_at_all or a.failed]
        without = f", {len(found) - len(measured)} without {found[0].code} code" if len(measured) < len(found) else ""
        ends = f"{': ' if failed else '.'}{', '.join(failed)}"
        yield f"{len(measured)} entries measured{without}, {len(failed)} failed{ends}"
    elif not failed:
        also = ", and nowhere more than 1000 ULP off" if found[0].rows else ""
        yield f"{found[0].id}: no NaN, infinity or wrong zero{also}."
