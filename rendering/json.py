"""A derivation as JSON: every formula as text and as LaTeX, every verdict with its basis and counterexample."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ..calculus.derivation import Counterexample, Derivation, Verdict
from .box import Box
from .latex_style import LATEX
from .options import PLAIN, Options
from .page import Assumed, Formula, Given, Line, Section, page
from .text_style import TEXT

VERSION = 1


def render(derivation: Derivation, options: Options = PLAIN) -> str:
    """The derivation as a JSON object; keys are only ever added within a version."""
    return json.dumps(as_data(derivation, options), ensure_ascii=False, indent=2) + "\n"


def as_data(derivation: Derivation, options: Options = PLAIN) -> dict[str, Any]:
    """The derivation as dictionaries, lists, strings and numbers."""
    text, latex = (page(derivation, style, brief=options.brief, detail=options.detail) for style in (TEXT, LATEX))
    return {
        "version": VERSION,
        "id": derivation.id,
        "title": derivation.title,
        "topic": derivation.topic,
        "dimensions": [str(d) for d in derivation.dims],
        "givens": [_given(*pair) for pair in zip(text.givens, latex.givens, strict=True)],
        "sizes": [
            {"name": str(pair[0].dimension), "size": _math(pair[0].membership, pair[1].membership)}
            for pair in zip(text.sizes, latex.sizes, strict=True)
        ],
        "definitions": [_formula(*pair) for pair in zip(text.definitions, latex.definitions, strict=True)],
        "assumptions": [_assumed(*pair) for pair in zip(text.assumptions, latex.assumptions, strict=True)],
        "parts": [_section(*pair) for pair in zip(text.sections, latex.sections, strict=True)],
        "results": [_formula(*pair) for pair in zip(text.results, latex.results, strict=True)],
        "conventions": list(text.conventions),
        "pitfalls": list(text.pitfalls),
        "references": list(text.references),
        "verdict": _verdict(derivation.verdict, None),
        "steps": _totals(derivation),
    }


def _totals(derivation: Derivation) -> dict[str, int]:
    kinds = [s.verdict.kind for s in derivation.steps]
    return {"total": len(kinds)} | {kind: kinds.count(kind) for kind in ("proved", "refuted", "open")}


def _math(text: Box | None, latex: Box | None) -> dict[str, str] | None:
    return None if text is None or latex is None else {"text": text.text, "latex": latex.text}


def _given(text: Given, latex: Given) -> dict[str, Any]:
    tensor = text.tensor
    return {
        "name": tensor.name,
        "shape": [str(d) for d in tensor.dims],
        "domain": str(tensor.domain),
        "default": None if tensor.domain.value is None else str(tensor.domain.value),
        "description": tensor.description,
        "membership": _math(text.membership, latex.membership),
    }


def _formula(text: Formula, latex: Formula) -> dict[str, Any]:
    source = text.source
    return {
        "name": None if source is None else source.name,
        "shape": None if source is None else [str(i.dim) for i in source.indices],
        "wanted": getattr(source, "wanted", True),
        "stand_in": bool(getattr(source, "pairing", False)),
        "left": _math(text.left, latex.left),
        "right": _math(text.right, latex.right),
        "matrix_left": _math(text.matrix_left, latex.matrix_left),
        "matrix_right": _math(text.matrix_right, latex.matrix_right),
        "in_output": _math(text.in_output, latex.in_output),
        "relation": text.relation.strip(),
        "description": text.note,
    }


def _assumed(text: Assumed, latex: Assumed) -> dict[str, Any]:
    formulas = text.formula, latex.formula
    return {
        "name": text.name,
        "left": _math(*(f.left for f in formulas)),
        "relation": text.formula.relation.strip(),
        "right": _math(*(f.right for f in formulas)),
        "description": text.words,
    }


def _section(text: Section, latex: Section) -> dict[str, Any]:
    result = text.source.result
    return {
        "heading": _math(text.heading, latex.heading),
        "shape": None if result is None else [str(d) for d in result.dims],
        "result": None if result is None else result.name,
        "wanted": text.wanted,
        "title": text.title,
        "note": text.note,
        "steps": _lines(text, latex),
    }


def _lines(text: Section, latex: Section) -> list[dict[str, Any]]:
    steps: list[dict[str, Any]] = []
    for pair in zip(text.lines, latex.lines, strict=True):
        step = _line(*pair)
        if pair[0].depth:
            steps[-1]["detail"].append(step)
        else:
            steps.append(step)
    return steps


def _line(text: Line, latex: Line) -> dict[str, Any]:
    return {
        "number": text.number,
        "left": _math(text.first, latex.first),
        "relation": text.relation.strip(),
        "right": _math(text.right, latex.right),
        "continues": text.left is None,
        "rule": text.rule,
        "verdict": _verdict(text.verdict, text.counterexample),
        "detail": [],
    }


def _verdict(verdict: Verdict, found: Counterexample | None) -> dict[str, Any]:
    """``found`` is the counterexample under the letters of the page."""
    return {"kind": verdict.kind, "basis": verdict.basis, "counterexample": _counterexample(found)}


def _counterexample(found: Counterexample | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {
        "sizes": dict(found.sizes),
        "at": dict(found.at),
        "values": _plain(found.values),
        "left": str(found.left),
        "right": str(found.right),
    }


def _plain(value: object) -> Any:
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    return value if isinstance(value, int | float | bool) or value is None else str(value)
