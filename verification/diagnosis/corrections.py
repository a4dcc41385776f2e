"""Corrections: which single change of the code's own formula makes it the derived one.

A slip is looked for in the derived formula first. But code groups its terms in its own way, and a wrong axis or a wrong
number in it may be one change there and many in the derived formula.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np
from sympy import Add, Expr

from ...calculus.functions import Indicator, Where
from ...calculus.sums import BoundSum, bound_sum, rebuild
from ...calculus.tensors import Element, Index
from .case import Case, Cause, Written
from .edits import Edit, Write, constants, edits
from .evidence import same
from .terms import terms_of
from .variants import formulas

#: What is missing in the derived formula is too much in the code's.
KINDS = {"missing-term": "extra-term"}
#: Longer formulas are not shown, and a formula with more parts than this is not searched.
READABLE, MOST_EDITS = 100, 400
#: Begins the messages of edits that are worded when one of them is wanted: most are tried and forgotten.
UNWRITTEN = "·"
#: A constant below this only guards a division, a root or a logarithm.
SMALL = 0.01


def corrected(case: Case, left: Sequence[str]) -> Iterator[Cause]:
    """For each gradient the first change that makes the code's formula right at every sample."""
    for gradient in left:
        written = case.written(gradient)
        if written is None or not case.evaluations:
            continue
        edit = next((e for e in _candidates(case, written) if _mends(case, gradient, written, e.expr)), None)
        if edit is not None:
            yield _cause(case, gradient, written, _worded(edit, case.write))


def _candidates(case: Case, written: Written) -> Iterator[Edit]:
    body, free = written.formula.body, written.formula.indices
    true = [d.body for d in formulas(case.derivation)]
    yield from _numbers(body, list(dict.fromkeys(c for b in true for c in constants(b))), case.write)
    yield from _terms_too_many(body, case.write)
    for _, edit in zip(range(MOST_EDITS), edits(body, lambda e: "", (), free), strict=False):
        yield replace(edit, kind=KINDS.get(edit.kind, edit.kind), message=UNWRITTEN + edit.message)


def _worded(edit: Edit, write: Write) -> Edit:
    return replace(edit, message=_message(edit, edit.kind, write)) if edit.message.startswith(UNWRITTEN) else edit


def _terms_too_many(body: Expr, write: Write) -> Iterator[Edit]:
    """Two terms and more that do not belong there; single ones are left out by the edits."""
    terms = terms_of(body)
    for count in range(2, len(terms)):
        for some in combinations(terms, count):
            shown = " and ".join(map(write, some))
            rest = Add(*(t for t in terms if t not in some))
            yield Edit("extra-term", f"the terms {shown} do not belong there", rest)


def _message(edit: Edit, kind: str, write: Write) -> str:
    before, after = (_shown(e, write) for e in (edit.before, edit.after))
    if kind == "extra-term" and edit.before is not None and edit.after is not None and "sum" not in edit.message:
        return f"the term {_shown(edit.before - edit.after, write)} does not belong there"
    if before and after:
        return f"{before} stands where {after} belongs"
    return "one part of the code's formula is wrong"


def _shown(expr: Expr | None, write: Write) -> str:
    if expr is None or any(isinstance(k, Index) and k.is_bound for k in expr.free_symbols):
        return ""  # a part from inside a sum, whose index has no letter outside it
    text = write(expr)
    return text if len(text) <= READABLE else ""


def _numbers(body: Expr, right: Sequence[Expr], write: Write) -> Iterator[Edit]:
    """Another number in the place of one of the code's: everywhere, or in one place; in a condition also zero."""
    for wrong in constants(body):
        for number in right:
            if number != wrong:
                kind = "epsilon" if abs(float(wrong)) < SMALL and abs(float(number)) < SMALL else "constant"
                message = f"the number {write(wrong)} stands where {write(number)} belongs"
                for changed in (_exchanged(body, wrong, number), *_in_one_place(body, wrong, number)):
                    yield Edit(kind, message, changed, wrong, number)
    for case in body.atoms(Indicator, Where):
        condition = case.args[0]
        constant, rest = condition.as_coeff_Add()
        if constant != 0:
            changed = case.func(rest, *case.args[1:])
            message = f"the case distinction is at {write(-constant)} instead of 0"
            yield Edit("mask", message, rebuild(body, {case: changed}.get), condition, rest)


def _exchanged(expr: Expr, wrong: Expr, number: Expr) -> Expr:
    """Another number in every place."""
    return rebuild(expr, lambda e: number if e == wrong else None)


def _in_one_place(expr: Expr, wrong: Expr, number: Expr) -> Iterator[Expr]:
    """Another number in each place in turn."""
    if expr == wrong:
        yield number
    elif isinstance(expr, BoundSum):
        body, bound = expr.open()
        yield from (bound_sum(changed, *bound) for changed in _in_one_place(body, wrong, number))
    elif not isinstance(expr, Element | Index):
        for at, arg in enumerate(expr.args):
            if isinstance(arg, Expr):
                for changed in _in_one_place(arg, wrong, number):
                    yield expr.func(*expr.args[:at], changed, *expr.args[at + 1 :])


def _mends(case: Case, gradient: str, written: Written, expr: Expr) -> bool:
    changed = replace(written.formula, body=expr)
    for sample, evaluation in case.evaluations:
        found = evaluation.arrays([*written.around, changed], [changed.name]).get(changed.name)
        exact = sample.exact[gradient]
        if found is None or not np.isfinite(found).all() or not same(found, exact):
            return False
    return True


def _cause(case: Case, gradient: str, written: Written, edit: Edit) -> Cause:
    proved = written.is_true(edit.expr)
    known = case.known(proved)
    before, after = (_shown(e, case.write) for e in (edit.before, edit.after))
    fix = f"write {after} for {before}" if before and after and before != after else ""
    return Cause(edit.kind, f"{gradient}: {edit.message}, {known}", fix, (gradient,), proved=proved)
