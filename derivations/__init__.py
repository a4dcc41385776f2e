"""The catalogue: one entry per formula, discovered from the folder. A sub-folder is a topic; nothing is registered.

A topic's ``__init__`` has the topic's title as its docstring and may fix the order of its page in ``PAGE``; entries it
does not list follow, by file and then as written. Importing the catalogue imports neither SymPy, NumPy nor torch.
"""

from __future__ import annotations

import ast
import importlib
import re
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

from .entry import Entry, Example, Statement
from .options import ParameterError, is_kind
from .suggestions import suggestions

__all__ = [
    "Entry",
    "Example",
    "MalformedEntry",
    "ParameterError",
    "Scan",
    "Statement",
    "UnknownEntry",
    "catalogue",
    "find",
    "scan",
    "special_case_of",
    "topics",
    "used_by",
]

#: The topics in the order of a course: from one neuron to the Transformer and diffusion. Others follow by name.
COURSE = (
    *("networks", "activations", "identities", "regression", "classification", "information", "margins"),
    *("penalties", "bounds", "probability", "theory", "optimisers", "initialisation", "constructions"),
    *("layers", "convolution", "recurrent", "attention", "preference", "generative", "diffusion"),
)

KINDS = ("gradient", "identity", "inequality", "update", "construction")


class UnknownEntry(LookupError):
    """An id that is not in the catalogue; the message suggests the nearest ones."""


class MalformedEntry(ValueError):
    """An entry that the catalogue refuses; the message gives file, line and what is expected."""


@dataclass(frozen=True)
class Scan:
    """What a folder holds: the entries in page order, topic titles, and why anything was refused."""

    entries: dict[str, Entry]
    titles: dict[str, str]
    problems: tuple[str, ...]


def catalogue() -> dict[str, Entry]:
    """All entries by id, in page order: topics as in ``COURSE``, entries as the topic's ``PAGE`` says."""
    return dict(_own().entries)


def topics() -> dict[str, str]:
    """The titles of the topics, by folder name."""
    return dict(_own().titles)


def used_by(id: str) -> tuple[str, ...]:
    """The ids of the entries that build on this one."""
    return tuple(e.id for e in _own().entries.values() if id in e.uses)


def special_case_of(id: str) -> tuple[str, ...]:
    """The ids of the entries that generalise this one."""
    return tuple(e.id for e in _own().entries.values() if id in e.generalises)


def problems() -> tuple[str, ...]:
    """Why files or entries were refused: ``file:line: what is wrong; what is expected``."""
    return _own().problems


def find(id: str) -> Entry:
    """The entry of an id.

    **Raises** :class:`UnknownEntry` with suggestions; :class:`MalformedEntry` where the entry exists but was refused.
    """
    entries = _own().entries
    if id in entries:
        return entries[id]
    for problem in _own().problems:
        if f"entry {id!r}" in problem:
            raise MalformedEntry(problem)
    close = suggestions(id, entries.values())
    hint = f"Did you mean {' or '.join(close)}? " if close else ""
    if not hint and not re.fullmatch(r"[\w .-]*", id):  # no id has operators or brackets: a formula was meant
        shapes = ", ".join(f"{name}: {'n d' if name[0].isupper() else 'n'}" for name in _names(id)) or "x: n"
        hint = f'A formula of your own needs arrays, with shapes as yours are: --given "{shapes}"; real for a scalar. '
    raise UnknownEntry(f"no entry is called {id!r}. {hint}All ids: nnmath list")


def _names(formula: str) -> list[str]:
    """What a formula reads and does not define: no functions, no dimensions, no indices. None where it has an error."""
    try:
        nodes = list(ast.walk(ast.parse(formula)))
    except SyntaxError:
        return []
    other = {n.func.id for n in nodes if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)}
    other |= {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    other |= {n.iter.id for n in nodes if isinstance(n, ast.comprehension) and isinstance(n.iter, ast.Name)}
    read = [n for n in nodes if isinstance(n, ast.Name) and n.id not in (*other, "pi", "n", "d")]
    return list(dict.fromkeys(n.id for n in sorted(read, key=lambda n: (n.lineno, n.col_offset))))


@cache
def _own() -> Scan:
    return scan(Path(__file__).parent, __name__)


def scan(folder: Path, package: str = "") -> Scan:
    """Read every entry below a folder, whose sub-folders are topics. ``package`` is its import name if it has one."""
    entries: dict[str, Entry] = {}
    files: dict[str, Path] = {}
    titles: dict[str, str] = {}
    problems: list[str] = []
    folders = (p for p in folder.iterdir() if p.is_dir() and not p.name.startswith(("_", ".")))
    for topic in sorted(folders, key=_place):
        found: dict[str, Entry] = {}
        page: tuple[str, ...] = ()
        titles[topic.name] = topic.name
        for path in sorted(topic.glob("*.py")):
            module = _load(path, package, problems)
            if path.name == "__init__.py":
                titles[topic.name] = (getattr(module, "__doc__", None) or topic.name).strip().splitlines()[0]
                page = getattr(module, "PAGE", ())
                continue
            for entry in _entries(module):
                problem = _problem(entry)
                if problem:
                    problems.append(f"{_place_of(path, entry)}: entry {entry.id!r}: {problem}")
                elif entry.id in files:
                    taken = f"the id {entry.id!r} is taken by {_place_of(files[entry.id], entry)}"
                    problems.append(f"{_place_of(path, entry)}: {taken}; an id is unique")
                else:
                    files[entry.id] = path
                    found[entry.id] = replace(entry, topic=topic.name)
        order = [i for i in page if i in found]
        entries.update({i: found[i] for i in (*order, *(i for i in found if i not in order))})
    return Scan(entries, titles, tuple(problems))


def _place(topic: Path) -> tuple[int, str]:
    """Where a topic stands in the course."""
    return (COURSE.index(topic.name) if topic.name in COURSE else len(COURSE), topic.name)


def _load(path: Path, package: str, problems: list[str]) -> ModuleType | None:
    """The module of a file, or None and a problem: one broken file does not take the others with it."""
    try:
        if package:
            stem = "" if path.name == "__init__.py" else f".{path.stem}"
            return importlib.import_module(f"{package}.{path.parent.name}{stem}")
        spec = spec_from_file_location(f"_entries_{path.parent.name}_{path.stem}", path)
        assert spec is not None and spec.loader is not None
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
        return module
    except Exception as error:
        lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == str(path)]
        line = error.lineno if isinstance(error, SyntaxError) else lines[-1] if lines else 1
        problems.append(
            f"{path}:{line}: {type(error).__name__}: {error}; a file of entries holds values Entry(id=…, title=…)"
        )
        return None


def _entries(module: ModuleType | None) -> Iterator[Entry]:
    """The entries a module defines, as written; an imported one belongs to the module it comes from."""
    seen: set[int] = set()
    for value in vars(module).values() if module else ():
        if isinstance(value, Entry) and id(value) not in seen:
            seen.add(id(value))
            yield value


def _place_of(path: Path, entry: Entry) -> str:
    """The file and line of an entry."""
    lines = path.read_text(encoding="utf-8").splitlines()
    own = re.compile(rf"""\bid=["']{re.escape(str(entry.id))}["']""")
    return f"{path}:{next((number for number, line in enumerate(lines, 1) if own.search(line)), 1)}"


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_texts(value: Any) -> bool:
    return isinstance(value, tuple) and all(map(_is_text, value))


#: What each field must be: (field, test, what is expected).
EXPECTED: tuple[tuple[str, Any, str], ...] = (
    (
        "id",
        lambda v: isinstance(v, str) and re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", v),
        'small letters, such as "softmax-ce"',
    ),
    ("title", _is_text, "a text"),
    ("given", lambda v: callable(v) or isinstance(v, str), 'lines such as "Z: n C  # logits"'),
    ("define", lambda v: callable(v) or isinstance(v, str), 'lines such as "y = exp(x)"'),
    ("wanted", lambda v: callable(v) or _is_texts(v), 'a tuple of texts, such as ("dL/dZ",)'),
    (
        "claim",
        lambda v: callable(v) or all(map(_is_text, (*v, *v.values()))),
        'a mapping such as {"dL/dZ": "(P - Y)/n"}',
    ),
    (
        "assume",
        lambda v: callable(v) or all(map(_is_text, (*v, *v.values()))),
        'a mapping such as {"smooth": "f1 <= f0"}',
    ),
    (
        "proof",
        lambda v: callable(v) or (isinstance(v, tuple) and all(isinstance(s, Statement) for s in v)),
        'a tuple of statements, such as (Statement("a*b <= (a**2 + b**2)/2"),)',
    ),
    ("examples", lambda v: isinstance(v, tuple) and all(isinstance(e, Example) for e in v), "a tuple of examples"),
    ("torch", lambda v: v is None or callable(v), "a function of torch and the givens"),
    (
        "parameters",
        lambda v: all(map(is_kind, v.values())),
        'defaults by name: 3, 0.5, False, or the choices ("mean", "sum")',
    ),
    (
        "variants",
        lambda v: isinstance(v, tuple) and all(callable(s.keys) and s for s in v),
        'settings of the parameters, such as ({"reduction": "sum"},)',
    ),
    ("state", lambda v: callable(v) or all(map(_is_text, (*v, *v.values()))), 'a mapping such as {"w": "w1"}'),
    (
        "start",
        lambda v: callable(v) or all(_is_text(n) and isinstance(x, int | float | str) for n, x in v.items()),
        'a mapping such as {"q": 1}',
    ),
    ("against", lambda v: isinstance(v, str), 'a text, such as "torch.nn.functional.gelu"'),
    ("kind", lambda v: v in KINDS, f"one of {', '.join(KINDS)}"),
    *(
        (name, _is_texts, "a tuple of texts")
        for name in ("names", "rules", "conventions", "pitfalls", "references", "uses", "generalises")
    ),
)


def _problem(entry: Entry) -> str:
    for name, test, expected in EXPECTED:
        value = getattr(entry, name)
        try:
            fine = bool(test(value))
        except (AttributeError, TypeError):
            fine = False
        if not fine:
            return f"{name}={value!r}; expected is {expected}"
    if entry.kind == "update" and not entry.state:
        return 'an update rule without a state; expected is state={"w": "w1"}: what each step replaces, and by what'
    if not (entry.wanted or entry.proof):
        return 'nothing is wanted or stated; expected is wanted=("dL/dZ",) or proof=(Statement("a <= b"),)'
    if not (callable(entry.given) or callable(entry.define)) and not (entry.given.strip() or entry.define.strip()):
        return 'nothing is given or defined; expected are lines such as "x: real"'
    for setting in entry.variants:
        try:
            entry.at(**setting)
        except ParameterError as error:
            return f"variants={entry.variants!r}: {error}"
    if not callable(entry.wanted) and not callable(entry.claim):
        for key in entry.claim:
            if key.removesuffix(" in output") not in entry.wanted:
                return f"a claim for {key!r}, which is not wanted; wanted are {', '.join(entry.wanted)}"
    return ""
