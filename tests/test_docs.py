"""The pages say what the code does now: generated ones are compared, sessions are run, links and commands are real."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from derived import page
from scripts import importing

import nnmath
from nnmath.derivations import catalogue

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PROSE = [ROOT / "README.md", *sorted(DOCS.glob("*.md"))]
COMMAND = "python docs/generate.py"
each_page = pytest.mark.parametrize("path", PROSE, ids=lambda p: p.name)


@pytest.fixture
def module() -> Iterator[Any]:
    with importing(DOCS) as module:
        yield module


def test_every_entry_has_a_page_and_every_page_an_entry() -> None:
    wanted = {f"{id}.md" for id in catalogue()} | {"README.md"}
    assert {p.name for p in (DOCS / "entries").glob("*.md")} == wanted, f"Type: {COMMAND}"


@pytest.mark.parametrize("part", [0, 1, 2, "all"])
def test_entry_pages_are_what_the_code_emits(module: Any, part: int | str) -> None:
    """A third of the pages; or all of them, with the index and the rules."""
    generate = module("generate")
    ids = list(catalogue())
    pages = {id: page(id) for id in (ids if part == "all" else ids[int(part) :: 3])}
    wanted = {generate.ENTRIES / f"{id}.md": generate.entry_page(p) for id, p in pages.items()}
    if part == "all":
        wanted = {**generate.entry_pages(pages), generate.RULES: generate.rules_page(pages)}
    differ = [p.name for p, text in wanted.items() if not p.exists() or p.read_text("utf-8") != text]
    assert not differ, f"docs/entries: {differ} differ. Type: {COMMAND}"


@pytest.mark.parametrize("name", ["guide.md", "verify.md", "engine.md", "add-an-entry.md", "targets.md"])
def test_sessions_give_the_outputs_that_the_page_shows(module: Any, name: str) -> None:
    text = (DOCS / name).read_text("utf-8")
    if "$ nnmath check" in text or "import torch" in text:
        pytest.importorskip("torch", reason="the page runs torch; type: pip install torch")
    assert module("sessions").refreshed(text) == text, f"docs/{name} shows old outputs. Type: {COMMAND}"


def test_the_picture_shows_what_the_command_prints(module: Any) -> None:
    generate = module("generate")
    shown, now = generate.words(generate.PICTURE.read_text("utf-8")), generate.words(generate.picture())
    assert shown == now, f"{generate.PICTURE.name} shows something else. Type: {COMMAND}"
    assert "∂L/∂Z=(P−Y)/n" in now


def test_the_generator_checks_and_writes(module: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    generate = module("generate")
    places = {"FOLDER": tmp_path / "docs", "RULES": tmp_path / "rules.md", "ENTRIES": tmp_path / "entries"}
    places |= {"PICTURE": tmp_path / "picture.svg", "COURSE": tmp_path / "course.md"}
    few = {id: entry for id, entry in catalogue().items() if id in ("relu", "dense")}
    for name, value in {**places, "PROSE": (), "catalogue": lambda: few}.items():
        monkeypatch.setattr(generate, name, value)
    assert generate.main(["--check"]) == 1
    assert not (tmp_path / "entries").exists()
    assert generate.main([]) == 0
    assert generate.main(["--check"]) == 0
    assert {p.stem for p in (tmp_path / "entries").iterdir()} == {"relu", "dense", "README"}
    (tmp_path / "entries" / "gone.md").write_text("an entry that is no more")
    assert generate.main(["--check"]) == 1
    assert generate.main([]) == 0
    assert not (tmp_path / "entries" / "gone.md").exists()


@pytest.mark.parametrize(
    ("page", "wanted"),
    [
        ("```console\n$ nnmath list --topic x\nold\n$ echo $?\n```\n", "\n2\n```"),
        ("```console head=1\n$ nnmath list\n```\n", "$ nnmath list\nLayers and networks\n…\n```"),
        ("```pycon\n>>> x = 2\n>>> x + 1\n4\n```\n", ">>> x = 2\n>>> x + 1\n3\n```"),
        ("```pycon\n>>> for i in (1, 2):\n...     print(i)\n...\n```\n", "\n...\n1\n2\n```"),
        ("```python\n1/0\n```\n", "1/0"),
    ],
)
def test_a_session_is_refreshed(module: Any, page: str, wanted: str) -> None:
    assert wanted in module("sessions").refreshed(page)


@pytest.mark.parametrize(
    "page",
    [
        "```console\n$ nnmath derive nothing\n$ nnmath list\n```\n",
        "```console\n$ nnmath derive nothing\n```\n",
        "```console\n$ rm -r x\n```\n",
        "```pycon\n>>> 1/0\n```\n",
        "```pycon\n>>> for i in\n```\n",
    ],
    ids=["hidden exit code", "exit code at the end", "other program", "exception", "syntax"],
)
def test_a_broken_session_is_refused(module: Any, page: str) -> None:
    with pytest.raises(module("sessions").BrokenSession):
        module("sessions").refreshed(page)


def test_the_worked_entry_derives_proves_and_computes(module: Any) -> None:
    """The finished file of add-an-entry.md, from its text to numbers that agree with the definition."""
    sessions = module("sessions")
    files = [
        m
        for m in sessions.BLOCK.finditer((DOCS / "add-an-entry.md").read_text("utf-8"))
        if "bipolar_sigmoid.py" in m[2]
    ]
    assert "bipolar-sigmoid" not in catalogue(), "it is in the catalogue now: let the page add another one"
    with sessions._place() as session:
        session.block(files[-1][1], files[-1][2].strip(), files[-1][3], files[-1][0])
        assert list(catalogue()).index("bipolar-sigmoid") < list(catalogue()).index("softmax-jacobian")
        page = nnmath.derive("bipolar-sigmoid")
        assert page.entry.topic == "activations" and page.proved
        namespace: dict[str, Any] = {}
        exec(page.numpy_source(), namespace)
    assert "bipolar-sigmoid" not in catalogue()
    x = np.linspace(-5, 5, 21)
    np.testing.assert_allclose(namespace["bipolar_sigmoid"](x), np.tanh(x / 2), rtol=1e-13)
    np.testing.assert_allclose(namespace["bipolar_sigmoid_derivative"](x), 1 / (2 * np.cosh(x / 2) ** 2), rtol=1e-13)


def anchors(path: Path) -> set[str]:
    """The anchors that GitHub gives the headings of a page."""
    headings = re.findall(r"^#+ (.*)$", path.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}


@each_page
def test_links_lead_somewhere(path: Path) -> None:
    text = re.sub(r"^```.*?^```$|`[^`\n]*`", "", path.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith("http"):
            continue
        name, _, anchor = target.partition("#")
        linked = path.parent / name if name else path
        assert linked.exists(), f"{path.name} links to {target}, which does not exist"
        assert not anchor or anchor in anchors(linked), f"{path.name} links to {target}: no such heading"


@each_page
def test_pages_name_no_file_of_the_machine_they_were_made_on(path: Path) -> None:
    assert not re.findall(r"(?<![\w.])/(?:tmp|work|home|root)/", path.read_text("utf-8"))


def test_the_engine_page_names_every_file_of_the_engine() -> None:
    table = (DOCS / "engine.md").read_text("utf-8").split("## Where things are")[1]
    files = {p.name for p in (ROOT / "calculus").glob("*.py")} - {"__init__.py"}
    named = set(re.findall(r"`(\w+\.py)`", table))
    assert named == files, f"missing: {sorted(files - named)}, gone: {sorted(named - files)}"


def test_the_guide_names_every_command_and_format() -> None:
    from nnmath.cli import FORMATS

    text = (DOCS / "guide.md").read_text("utf-8")
    assert all(f"nnmath {command}" in text for command in ("list", "derive", "code", "check"))
    assert all(f"`{name}`" in text or f"--format {name}" in text for name in FORMATS)
