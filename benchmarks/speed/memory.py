"""Memory that was freed stays with the process: whoever is timed finds its pages there.

Otherwise the C library gives large arrays back to the system, or keeps them, depending on what was freed earlier in the
process. Pages that come new from the system cost more than the arithmetic on them, and chance decides who pays.
"""

from __future__ import annotations

import ctypes
import sys

#: Of malloc.h: up to how many free bytes stay, and from how many on a piece of memory is a mapping of its own.
TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3
MOST, LARGEST = 2**31 - 1, 2**25


def keep() -> bool:
    """Keep what is freed, but for arrays of 32 MB or more; for the rest of the process. Whether the C library can."""
    if sys.platform != "linux":
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and bool(mallopt(MMAP_THRESHOLD, LARGEST) and mallopt(TRIM_THRESHOLD, MOST))
