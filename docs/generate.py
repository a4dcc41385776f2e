"""Writes what can be computed: pages of entries and rules, the outputs in the prose pages, the README's picture.

python docs/generate.py           write what has changed
python docs/generate.py --check   write nothing; exit code 1 where something would change
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import unescape
from itertools import groupby
from pathlib import Path
from typing import Any

import course_notes  # type: ignore[import-not-found]
from picture import picture  # type: ignore[import-not-found]
from sessions import BrokenSession, refreshed  # type: ignore[import-not-found]

import nnmath
from nnmath.calculus.derivation import Step
from nnmath.calculus.rules import statement
from nnmath.commands.output import write
from nnmath.derivations import catalogue, find, special_case_of, topics, used_by
from nnmath.derivations.counterpart import counterpart

FOLDER = Path(__file__).resolve().parent
ENTRIES = FOLDER / "entries"
PICTURE = FOLDER / "derive-softmax-ce.svg"
RULES = FOLDER / "rules.md"
COURSE = FOLDER / "course.md"
PROSE = ("guide.md", "verify.md", "engine.md", "add-an-entry.md", "targets.md")
COMMAND = "python docs/generate.py"
NOTE = f"<!-- Written by `{COMMAND}`: change the entry, not this page. -->"


def main(argv: Sequence[str] | None = None) -> int:
    """Write or compare; returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing; exit code 1 where something would change")
    arguments = parser.parse_args(argv)
    try:
        pages = {id: nnmath.derive(id) for id in catalogue()}
        wanted = {
            **entry_pages(pages),
            RULES: rules_page(pages),
            COURSE: course_page(),
            **prose_pages(),
            PICTURE: picture(),
        }
    except BrokenSession as error:
        print(f"docs/generate.py: {error}", file=sys.stderr)
        return 1
    differ = [path for path, text in wanted.items() if not path.exists() or not same(path.read_text("utf-8"), text)]
    stale = sorted(set(ENTRIES.glob("*.md")) - set(wanted))
    if arguments.check:
        for path in (*differ, *stale):
            print(f"{path.relative_to(FOLDER.parent)} is not what the code emits now. Type: {COMMAND}", file=sys.stderr)
        return 1 if differ or stale else 0
    ENTRIES.mkdir(exist_ok=True)
    for path in differ:
        write(wanted[path], str(path))
    for path in stale:
        path.unlink()
    print(f"{len(differ)} written, {len(stale)} removed, {len(wanted) - len(differ)} as they were")
    return 0


def entry_pages(pages: Mapping[str, nnmath.Page]) -> dict[Path, str]:
    """The page of every entry and the index, by path."""
    out = {ENTRIES / f"{id}.md": entry_page(page) for id, page in pages.items()}
    out[ENTRIES / "README.md"] = "\n".join(_index(pages)) + "\n"
    return out


def entry_page(page: nnmath.Page) -> str:
    """The derivation, and the NumPy module generated from it."""
    code = ("## NumPy", f"`nnmath code {page.entry.id}`", _code(page)) if page.has_code else ()
    id, names = f"`{page.entry.id}`", page.entry.names
    derivation = page.markdown().strip()
    if names:
        derivation = derivation.replace(f"\n\n{id}\n", f"\n\n{id}, also called {', '.join(names)}\n", 1)
    sections = (NOTE, derivation, *code, _links(page))
    return "\n\n".join(s for s in sections if s) + "\n"


def _code(page: nnmath.Page) -> str:
    return f"```python\n{page.numpy_source().strip()}\n```"


def _links(page: nnmath.Page) -> str:
    entry = page.entry
    related = {
        "Builds on": entry.uses,
        "Used by": used_by(entry.id),
        "Generalises": entry.generalises,
        "Special case of": special_case_of(entry.id),
    }
    lines = (f"{name} {', '.join(f'[{id}]({id}.md)' for id in ids)}." for name, ids in related.items() if ids)
    against = f"The code is checked against exact values and {counterpart(find(entry.id))}."
    return "\n\n".join((*([against] if page.has_code and find(entry.id).torch else []), *lines))


def course_page() -> str:
    """The catalogue in the order of a course: every topic, every entry, a sentence on each topic."""
    missing = [topic for topic in topics() if topic not in course_notes.NOTES]
    if missing:
        raise BrokenSession(
            f"docs/course_notes.py says nothing about the topic {', '.join(missing)}. Add a sentence to NOTES"
        )
    entries = list(catalogue().values())
    filled = {topic: title for topic, title in topics().items() if any(e.topic == topic for e in entries)}
    lines = [NOTE, "", "# The course", "", course_notes.INTRODUCTION]
    for number, (topic, title) in enumerate(filled.items(), 1):
        lines += ["", f"## {number}. {title}", "", course_notes.NOTES[topic], ""]
        for entry in (e for e in entries if e.topic == topic):
            after = f" Builds on {', '.join(entry.uses)}." if entry.uses else ""
            lines.append(f"- [{entry.id}](entries/{entry.id}.md): {entry.title}.{after}")
    return "\n".join(lines) + "\n"


def _index(pages: Mapping[str, nnmath.Page]) -> Iterator[str]:
    yield from (NOTE, "", "# The catalogue", "")
    yield f"{len(pages)} entries, [in the order of a course](../course.md)."
    yield "Another one takes [ten lines](../add-an-entry.md)."
    titles = topics()
    for topic, group in groupby(pages.values(), key=lambda page: page.entry.topic):
        yield from ("", f"## {titles[topic]}", "", "| entry | | wanted | steps |", "|---|---|---|---|")
        for page in group:
            id, steps = page.entry.id, len(page.steps)
            entry: Any = page.entry.at()
            wanted = ", ".join(f"`{w}`" for w in (*entry.wanted, *(s.text for s in entry.proof)))
            yield f"| [{id}]({id}.md) | {page.entry.title} | {wanted} | {steps}, {page.verdict} |"


def rules_page(pages: Mapping[str, nnmath.Page]) -> str:
    """Every reason that stands beside a step of the catalogue: what it says, and where it is used."""
    used: dict[str, dict[str, None]] = {}
    for id, page in pages.items():
        for name in rule_names([s for part in page.derivation.parts if part.stated is None for s in part.steps]):
            used.setdefault(name, {})[id] = None
    lines = [NOTE, "", "# The rules", ""]
    lines += ["The reasons that stand beside the steps. A rule computes a step; the prover, which shares no code with"]
    lines += ["the rules, judges it.", "", "| rule | says | used in |", "|---|---|---|"]
    for name in sorted(used):
        where = ", ".join(f"[{id}](entries/{id}.md)" for id in used[name])
        lines.append(f"| {name} | ${statement(name)}$ | {where} |".replace("|u|", r"\lvert u\rvert"))
    return "\n".join(lines) + "\n"


def rule_names(steps: Iterable[Step]) -> Iterator[str]:
    """The names of the rules behind steps and behind their details, one by one. (Statements give their own reasons.)"""
    for step in steps:
        yield from step.rule.split(", ")
        yield from rule_names(step.detail)


def same(old: str, new: str) -> bool:
    """Whether a page need not be written again."""
    return old == new or (new.startswith("<svg") and words(old) == words(new))


def words(svg: str) -> str:
    """The signs in a picture, without their places and colours, which differ between versions of rich."""
    return "".join(unescape("".join(re.findall(r">([^<]*)</text>", svg))).split())


def prose_pages() -> dict[Path, str]:
    """The pages written by hand, with the outputs of their sessions as they come out now."""
    return {FOLDER / name: refreshed((FOLDER / name).read_text("utf-8")) for name in PROSE}


if __name__ == "__main__":
    sys.exit(main())
