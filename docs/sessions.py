"""The sessions in the prose pages: what stands behind a prompt is run, and what stands under it must be what came out.

Blocks that are run, in the order of the page, in one empty folder and one Python namespace:

- ``console``: lines ``$ nnmath …`` (and ``$ echo $?``), each followed by its output;
- ``pycon``: a Python session with ``>>>`` and ``...``;
- ``python file=derivations/TOPIC/NAME.py``: a file of entries; later blocks of the page have it in the catalogue;
- ``python file=NAME.py``: a file in the folder; later blocks of the page can verify it or import it.

``head=N`` after ``console`` keeps the first N lines of an output, and puts a line ``…`` for the rest.
"""

from __future__ import annotations

import code
import io
import os
import re
import shlex
import sys
import tempfile
from collections.abc import Iterator
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import nnmath
from nnmath import derivations
from nnmath.cli import main

WIDTH = "100"
BLOCK = re.compile(r"^```(console|pycon|python)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
#: Of a check its columns, its legend and its verdict are compared: times and rounding errors differ between machines.
CHECK = re.compile(r"^(?: *entry .*|Under a dtype: .*|\d+ (?:entry|entries), .*)$", re.MULTILINE)
#: Of a report the numbers are not compared, which rest on the last digits of exp.
NUMBER = re.compile(r"-?\d+\.\d+(?:e[+-]\d+)?")


class BrokenSession(Exception):
    """A session that cannot be run, or a command that failed where the page does not show its exit code."""


def refreshed(page: str) -> str:
    """The text of a page with every output as it comes out now; of a check, if it comes out differently.

    **Raises** :class:`BrokenSession`.
    """
    with _place() as session:
        return BLOCK.sub(lambda block: session.block(block[1], block[2].strip(), block[3], block[0]), page)


@contextmanager
def _place() -> Iterator[_Session]:
    with (
        tempfile.TemporaryDirectory() as folder,
        chdir(folder),
        mock.patch.dict(os.environ, {"COLUMNS": WIDTH, "NO_COLOR": "1"}),
        mock.patch.object(sys, "path", [folder, *sys.path]),
        mock.patch.object(sys, "dont_write_bytecode", True),
    ):
        session = _Session()
        try:
            with mock.patch.object(derivations, "_own", lambda: session.catalogue):
                yield session
        finally:  # another page may have files of the same names
            for name, module in list(sys.modules.items()):
                if str(getattr(module, "__file__", None) or "").startswith(folder):
                    del sys.modules[name]


def _of_check(output: str) -> list[str]:
    return [" ".join(line.split()) for line in CHECK.findall(output)]


class _Session:
    """The state that the blocks of one page share."""

    def __init__(self) -> None:
        self.catalogue = derivations._own()
        self.python = code.InteractiveInterpreter({"nnmath": nnmath})
        self.exit_code = 0

    def block(self, kind: str, options: str, body: str, whole: str) -> str:
        if kind == "python":
            if options.startswith("file="):
                self._file(Path(options.removeprefix("file=")), body)
            return whole
        new = self._console(options, body) if kind == "console" else self._python(body)
        if "$ nnmath check" in body and _of_check(new) == _of_check(body) != []:
            return whole
        if "$ nnmath verify" in body and NUMBER.sub("#", new) == NUMBER.sub("#", body):
            return whole
        return f"```{kind}{f' {options}' if options else ''}\n{new}```"

    def _file(self, path: Path, text: str) -> None:
        """What discovery would do with a file of entries, without putting it into the package; or just the file."""
        if path.parts[0] != "derivations":
            path.write_text(text, "utf-8")
            return
        package = f"nnmath.{'.'.join(path.parts[:-1])}"
        namespace: dict[str, Any] = {"__name__": f"{package}.{path.stem}", "__package__": package}
        exec(compile(text, str(path), "exec"), namespace)
        found = [e for e in namespace.values() if isinstance(e, derivations.Entry)]
        entries = {**self.catalogue.entries, **{e.id: replace(e, topic=path.parts[-2]) for e in found}}
        ids = list(self.catalogue.titles)
        ordered = sorted(entries.values(), key=lambda e: ids.index(e.topic))
        self.catalogue = replace(self.catalogue, entries={e.id: e for e in ordered})

    def _console(self, options: str, body: str) -> str:
        head = int(options.removeprefix("head=")) if options.startswith("head=") else None
        out: list[str] = []
        for command in re.findall(r"^\$ (.*)$", body, re.MULTILINE):
            lines = self._command(command)
            if head is not None and len(lines) > head:
                lines = [*lines[:head], "…"]
            out += [f"$ {command}", *lines]
        if self.exit_code:
            raise BrokenSession(f"$ {command}: exit code {self.exit_code}, which the page does not show. {lines[-1]}")
        return "\n".join(out) + "\n"

    def _command(self, command: str) -> list[str]:
        if command == "echo $?":
            shown, self.exit_code = self.exit_code, 0
            return [str(shown)]
        program, *arguments = shlex.split(command, comments=True)
        if program != "nnmath":
            raise BrokenSession(f"$ {command}: only nnmath and echo $? can be run in a page")
        if self.exit_code:
            raise BrokenSession(f"before $ {command}: an exit code {self.exit_code} that the page does not show")
        text = io.StringIO()
        with redirect_stdout(text), redirect_stderr(text):
            self.exit_code = main(arguments)
        if "this is a bug" in text.getvalue():
            raise BrokenSession(f"$ {command}: {text.getvalue()}")
        return [line.rstrip() for line in text.getvalue().rstrip("\n").splitlines()]

    def _python(self, body: str) -> str:
        out: list[str] = []
        source: list[str] = []
        for line in [*body.splitlines(), ">>>"]:
            if line.startswith("...") and source:
                source.append(line)
            elif line.startswith(">>>"):
                out += self._statement(source)
                source = [line]
        return "\n".join(out) + "\n"

    def _statement(self, source: list[str]) -> list[str]:
        if not source:
            return []
        text = io.StringIO()
        code_ = "\n".join(line[4:] for line in source)
        with redirect_stdout(text), redirect_stderr(text):
            incomplete = self.python.runsource(code_ + ("\n" if len(source) > 1 else ""), "<page>")
        if incomplete or "Traceback" in text.getvalue() or "SyntaxError" in text.getvalue():
            raise BrokenSession(f"{code_}\n{text.getvalue()}")
        return [*source, *(line.rstrip() for line in text.getvalue().splitlines())]
