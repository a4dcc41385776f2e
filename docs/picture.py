"""Draws the terminal picture of the README: ``python docs/picture.py`` writes docs/derive-softmax-ce.svg."""

from __future__ import annotations

import io
from pathlib import Path

from rich.console import Console

import nnmath
from nnmath.commands.output import write
from nnmath.rendering import terminal

ENTRY = "softmax-ce"


def picture() -> str:
    """The page of the entry as a terminal 92 columns wide shows it, as SVG."""
    console = Console(record=True, width=92, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    console.print(terminal.renderable(nnmath.derive(ENTRY).derivation))
    return console.export_svg(title=f"nnmath derive {ENTRY}", unique_id="nnmath")


if __name__ == "__main__":
    target = Path(__file__).parent / f"derive-{ENTRY}.svg"
    write(picture(), str(target))
    print(target)
