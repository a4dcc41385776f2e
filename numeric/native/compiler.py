"""Compiling C text into a shared object, once: the result stays in the user's cache directory."""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

#: Tried in this order: a compiler may lack OpenMP, or not know the width of vectors or the machine. With one region
#: for each loop, gcc keeps the sums of an inner loop in registers. The loop of a matrix product fills few lines of the
#: cache of decoded instructions where it begins at one of them: that is a hundredth of its time.
FLAGS = (
    ("-O3", "-march=native", "-mprefer-vector-width=512", "-fira-region=all", "-falign-loops=64", "-fopenmp"),
    ("-O3", "-march=native", "-mprefer-vector-width=512", "-fopenmp"),
    ("-O3", "-march=native", "-fopenmp"),
    ("-O3", "-fopenmp"),
    ("-O3",),
)
#: Infinities and NaN keep their meaning, and nothing is flushed to zero: no -ffast-math. Without -fno-thread-jumps gcc
#: makes three paths of min(max(x, a), b), and vector code that computes all three.
ALWAYS = ("-std=gnu11", "-fno-math-errno", "-fno-trapping-math", "-fno-thread-jumps", "-fPIC", "-shared", "-w")


class NoCompiler(RuntimeError):
    """There is no C compiler here, or it cannot compile."""


def compiler() -> str:
    """The path of the C compiler: that of the variable CC, else cc, gcc or clang. Raises :class:`NoCompiler`."""
    chosen = os.environ.get("CC")
    for name in (chosen,) if chosen else ("cc", "gcc", "clang"):
        path = shutil.which(name)
        if path:
            return path
    given = f"CC is {chosen!r}, which is not a program" if chosen else "no C compiler (cc, gcc, clang) was found"
    raise NoCompiler(f"{given}. Install one, or set CC to its path")


def load(source: str) -> ctypes.CDLL:
    """The shared object of this source, compiled now or before. Raises :class:`NoCompiler`."""
    path = compiler()
    errors = ""
    for flags in FLAGS:
        made, errors = _made(source, path, (*flags, *ALWAYS))
        if made is not None:
            return _opened(made)
    first = next((line for line in errors.splitlines() if "error" in line), errors.strip()[:200])
    raise NoCompiler(f"{path} cannot compile the generated code ({first})")


def _made(source: str, path: str, flags: tuple[str, ...]) -> tuple[Path | None, str]:
    program = Path(path).resolve()
    stamp = f"{program} {program.stat().st_mtime_ns} {program.stat().st_size}"
    key = hashlib.sha256("\n".join((source, stamp, " ".join(flags), _machine())).encode()).hexdigest()[:32]
    folder = _folder()
    target = folder / f"{key}.so"
    if target.exists():
        return target, ""
    with tempfile.TemporaryDirectory(dir=folder) as work:
        text, result = Path(work) / "module.c", Path(work) / "module.so"
        text.write_text(source, encoding="utf-8")
        command = [path, *flags, str(text), "-o", str(result), "-lm"]
        try:
            run = subprocess.run(command, capture_output=True, text=True, check=False)
        except OSError as error:
            return None, f"error: {error}"
        if run.returncode or not result.exists():
            return None, run.stderr or f"error: exit code {run.returncode}"
        os.replace(result, target)  # whole or not at all, also with several processes
    return target, ""


@cache
def _machine() -> str:
    """What code for this machine may use."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    flags = next((line for line in lines if line.startswith(("flags", "Features"))), "")
    return f"{platform.system()} {platform.machine()} {platform.processor()} {flags}"


def _folder() -> Path:
    """The cache directory; a temporary one where it cannot be written."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    folder = Path(base) / "nnmath"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if os.access(folder, os.W_OK | os.X_OK):
            with tempfile.TemporaryFile(dir=folder):
                return folder
    except OSError:
        pass
    return _temporary()


@cache
def _temporary() -> Path:
    import atexit

    made = tempfile.mkdtemp(prefix="nnmath-")
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return Path(made)


def threads_spin() -> bool:
    """Whether threads of compiled code wait spinning, because another library, such as torch, loaded OpenMP first.

    Beside the threads of NumPy's matrix products these would take the cores away.
    """
    return not _passive()


@cache
def _passive() -> bool:
    """Whether the OpenMP runtime of this process does as is said here: asked before the first library is opened."""
    if os.environ.get("OMP_WAIT_POLICY") is not None:
        return os.environ["OMP_WAIT_POLICY"].strip().upper() == "PASSIVE"
    try:
        ctypes.CDLL("libgomp.so.1", mode=getattr(os, "RTLD_NOLOAD", 0) | getattr(os, "RTLD_NOW", 0))
    except OSError:
        return True
    return not hasattr(os, "RTLD_NOLOAD")


#: How threads of OpenMP wait for the next loop: a few rounds, which take tens of microseconds, and then asleep. Waking
#: them takes as long; and threads that went on waiting would take the cores from those of NumPy's matrix products.
WAITING = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "1000"}


def _opened(path: Path) -> ctypes.CDLL:
    """The library; where it brings the OpenMP runtime, threads wait as is said here, unless the user has said how."""
    _passive()
    mine = {} if any(name in os.environ for name in WAITING) else WAITING
    try:
        os.environ.update(mine)
        return ctypes.CDLL(str(path))
    finally:
        for name in mine:
            os.environ.pop(name, None)
