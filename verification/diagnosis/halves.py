"""Half precision: gradients that float32 gets right and a half dtype does not, beyond what rounding to it explains."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..probing.observations import Comparison
from ..report import Finding
from ..subjects.protocol import Subject


def accumulated(subject: Subject, failing: Sequence[Comparison]) -> Iterator[Finding]:
    """One finding for each gradient: the dtypes, the smallest sizes from which on, and what to do."""
    for gradient in dict.fromkeys(c.gradient for c in failing):
        own = [c for c in failing if c.gradient == gradient and c.got is not None]
        if not own:
            continue
        smallest = min(own, key=lambda c: c.exact.size)
        sizes = ", ".join(f"{d} = {s}" for d, s in smallest.sizes.items())
        dtypes = " and ".join(dict.fromkeys(c.dtype for c in own))
        at = f"[{', '.join(map(str, smallest.worst_index))}]" if smallest.worst_index else ""
        assert smallest.got is not None
        values = f"{smallest.got[smallest.worst_index]:.6g}, exact {smallest.exact[smallest.worst_index]:.6g}"
        where = f", from {sizes} on" if sizes else ""
        yield Finding(
            "dtype",
            subject.where,
            f"{gradient} loses more digits in {dtypes} than rounding to it explains{where}",
            f"{sizes}{': ' if sizes else ''}{gradient}{at} = {values} ({smallest.dtype}, {smallest.regime})",
            "add up in float32, and round once at the end: .to(float32) on load, back on store",
        )
