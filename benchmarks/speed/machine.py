"""What a run was made on: the processor, the system and the versions of everything that took part."""

from __future__ import annotations

import platform
from collections.abc import Iterable
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = ("nnmath", "numpy", "torch", "jax")


def described(threads: int, packages: Iterable[str] = PACKAGES) -> dict[str, str]:
    """Date, processor, threads and versions; without what is not installed."""
    found = {"date": date.today().isoformat(), "processor": _processor(), "threads": str(threads)}
    found["python"] = platform.python_version()
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
