"""The list of the catalogue, as text or as JSON. Imports neither SymPy, NumPy nor torch."""

from __future__ import annotations

from collections.abc import Sequence

from ..derivations import Entry, special_case_of, topics, used_by
from ..derivations.counterpart import counterpart


def as_text(entries: Sequence[Entry]) -> str:
    """By topic, a line for each entry: id, kind, title, and what it is checked against."""
    width = max((len(e.id) for e in entries), default=0)
    kinds = max((len(e.kind) for e in entries), default=0)
    blocks = []
    for topic, title in topics().items():
        rows = [
            f"  {e.id:<{width}}  {e.kind:<{kinds}}  {e.title} · {counterpart(e)}" for e in entries if e.topic == topic
        ]
        blocks += ["\n".join([title, *rows])] if rows else []
    return "\n\n".join(blocks)


def as_json(entries: Sequence[Entry]) -> str:
    """A list of objects: the fields of an entry that need no derivation, and how it stands to others."""
    import json

    rows = [
        {
            **{name: getattr(e, name) for name in ("id", "title", "names", "topic", "kind")},
            "against": counterpart(e),
            "uses": e.uses,
            "used_by": used_by(e.id),
            "generalises": e.generalises,
            "special_case_of": special_case_of(e.id),
        }
        for e in entries
    ]
    return json.dumps(rows, indent=2, ensure_ascii=False)
