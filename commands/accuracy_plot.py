"""A picture of the errors of a function of one variable over its whole range: SVG, PNG or PDF, by the file's name."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..accuracies import Accuracy
from .output import UnwritableOutput, write_bytes

if TYPE_CHECKING:
    from ..numeric.accuracy.functions import Measured

FORMATS = ("svg", "png", "pdf")
#: The axis of errors, in ULP; smaller errors are drawn at the bottom, larger ones and NaN at the top.
LOW, HIGH = 0.1, 1e17
#: The axis of x: linear within LINEAR of 0, logarithmic up to FAR; powers of ten with a tick.
LINEAR, FAR, TICKS = 1e-2, 1e3, (-1, 0, 1, 2, 3, 38, 308)
COLOURS = {"float32": "tab:orange", "float64": "tab:blue"}


def check(target: str) -> str:
    """The format of a picture by the name of its file, before anything is measured.

    **Raises** ``UnwritableOutput`` for one that cannot be made, and ``ImportError`` without matplotlib.
    """
    suffix = Path(target).suffix.lower().removeprefix(".")
    if suffix not in FORMATS:
        raise UnwritableOutput(f"cannot draw {target}: its name tells no format. Give FILE.svg, FILE.png or FILE.pdf")
    import matplotlib  # noqa: F401

    return suffix


def plot(accuracy: Accuracy, target: str) -> None:
    """Draw error over x, a column for each implementation, a row for f, f′ and f″, and write it whole or not at all.

    **Raises** ``UnwritableOutput``, and ``ImportError`` without matplotlib.
    """
    format = check(target)
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    names = list(dict.fromkeys(m.row.name for m in accuracy.measured))
    codes = list(dict.fromkeys(m.row.implementation for m in accuracy.measured))
    data = io.BytesIO()
    with rc_context({"svg.hashsalt": "nnmath", "font.size": 8, "svg.fonttype": "none"}):
        figure = Figure(figsize=(4.2 * len(codes), 2.3 * len(names)), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplots(len(names), len(codes), sharex=True, sharey=True, squeeze=False)
        for i, name in enumerate(names):
            for j, code in enumerate(codes):
                chosen = [m for m in accuracy.measured if (m.row.name, m.row.implementation) == (name, code)]
                _draw(axes[i][j], chosen)
                axes[i][j].set_title(f"{name}, {code}", fontsize=8)
            axes[i][0].set_ylabel("error in ULP")
        for axis in axes[-1]:
            axis.set_xlabel(accuracy.measured[0].variable)
        axes[0][0].legend(loc="upper left", markerscale=6, frameon=False)
        figure.suptitle(f"{accuracy.id}: error over the whole finite range")
        metadata = {"Date": None} if format == "svg" else {"CreationDate": None} if format == "pdf" else None
        figure.savefig(data, format=format, dpi=150, metadata=metadata)
    write_bytes(data.getvalue(), target)


def _draw(axis: Any, measured: Sequence[Measured]) -> None:
    for m in measured:
        finite = np.isfinite(m.x)
        errors = np.nan_to_num(m.errors[finite], nan=LOW, posinf=HIGH)
        colour = COLOURS[m.row.dtype]
        shown = np.clip(errors, LOW, HIGH)
        axis.plot(symlog(m.x[finite]), shown, ".", markersize=1, color=colour, label=m.row.dtype, rasterized=True)
    axis.axhline(1e3, color="0.7", linewidth=0.5)
    axis.set_yscale("log")
    axis.set_ylim(LOW / 2, HIGH * 4)
    reach = max((float(np.max(np.abs(m.x[np.isfinite(m.x)]))) for m in measured), default=1.0)
    powers = [p for p in TICKS if 10.0**p <= reach]
    ticks = [*(-(10.0**p) for p in reversed(powers)), 0.0, *(10.0**p for p in powers)]
    names = [f"1e{p}" if p else "1" for p in powers]
    labels = [*(f"−{name}" for name in reversed(names)), "0", *names]
    axis.set_xticks(symlog(np.array(ticks)), labels, rotation=45, fontsize=6)
    axis.grid(color="0.92", linewidth=0.5)


def symlog(x: Any) -> Any:
    """Linear around 0, logarithmic up to FAR, and beyond logarithmic once more, so that the tails stay narrow."""
    decades = np.log10(np.abs(x) + LINEAR) - np.log10(LINEAR)
    far = np.log10(FAR) - np.log10(LINEAR)
    return np.sign(x) * np.where(decades <= far, decades, far * (1 + np.log(np.maximum(decades, far) / far) / 3))
