"""Judging hand-written gradients, with formulas in messages as a reader writes them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stdout
from typing import Any

from .rendering.expressions import Writer
from .verification.report import Finding, Report
from .verification.verify import verify as _verify

__all__ = ["Finding", "Report", "verify"]


def verify(
    subject: Any,
    *,
    forward: Callable[..., Any] | None = None,
    against: str | Callable[..., Any] | None = None,
    inputs: str | tuple[Any, ...] | None = None,
    device: str = "cpu",
    dtypes: Sequence[str] | None = None,
    sizes: Mapping[str, int] | Sequence[Mapping[str, int]] | None = None,
) -> Report:
    """Judge a gradient that was written by hand.

    **Arguments**: subject, a gradient function, a backward function with ``forward``, a pair (forward, backward), a
    class with both, a ``torch.autograd.Function``, any torch callable, or ``"FILE.py:OBJECT"``; against, an id of the
    catalogue, an expression (with ``inputs``), a function or ``"FILE.py:FUNCTION"``; without it, the gradient of the
    subject's own forward; inputs, the arrays in order of the parameters: ``"z: n C, y: n int<C"``, or a tuple of
    example arrays or tensors, which are tried as they are too (one more than the parameters is the upstream gradient);
    device, ``cpu``, or for torch code ``cuda`` or ``auto``; dtypes, among ``float64``, ``float32``, ``float16`` and for
    torch code ``bfloat16`` (by default the first two, on a GPU all); sizes, also to be tried:
    ``{"n": 512, "C": 1000}``, or several such.

    **Raises** ``SubjectError``, ``ParseError``, ``UnknownEntry`` and ``EntryError`` with what to type, ``MissingTorch``
    and ``NoCuda``. What the subject's own code raises is a finding, not an exception.
    """
    writer = Writer()
    # What a person's code prints is not part of the report, which may go to a pipe as JSON.
    with redirect_stdout(sys.stderr):
        return _verify(
            subject,
            forward=forward,
            against=against,
            inputs=inputs,
            device=device,
            dtypes=dtypes,
            sizes=sizes,
            write=lambda expr: writer(expr).text,
        )
