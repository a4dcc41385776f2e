"""Run a person's code once: its output captured, its time limited, its errors held, its writes to disk noticed."""

from __future__ import annotations

import contextlib
import io
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextvars import copy_context
from dataclasses import dataclass
from typing import Any

import numpy as np

#: For one call.
SECONDS = 10.0
#: For everything that is done with one piece of code.
TOTAL = 60.0
#: The audit events of the standard library by which something on disk is changed.
_CHANGES = frozenset(
    {"os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.link", "os.symlink", "os.truncate", "shutil.rmtree"}
)

#: Seconds spent in a person's code so far, and the number at which it is enough.
_spent = 0.0
_enough = float("inf")


class TimeLimit(BaseException):
    """Not an Exception, so that the person's ``except Exception`` does not swallow it."""


class Endless(Exception):
    """A call that nothing can be learned from, because it does not come to an end."""


@contextlib.contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """A limit for the time in all calls inside together; what is computed between them does not count."""
    global _enough
    before, _enough = _enough, min(_enough, _spent + seconds)
    try:
        yield
    finally:
        _enough = before


def remaining() -> float:
    """The seconds left of the limit for all calls; infinite where there is none."""
    return _enough - _spent


@dataclass(frozen=True)
class Outcome:
    """What a call gave: its value, or the error; what it printed; the files it opened for writing."""

    value: Any = None
    error: BaseException | None = None
    printed: str = ""
    written: tuple[str, ...] = ()

    @property
    def hung(self) -> bool:
        return isinstance(self.error, TimeLimit)


def guarded(function: Callable[[], Any], seconds: float = SECONDS) -> Outcome:
    """Call a function; a call that takes longer than ``seconds``, or than what is left of the :func:`time_limit` around
    it, is stopped and has the error :class:`TimeLimit`."""
    seconds = min(seconds, remaining())
    if seconds <= 0:
        return Outcome(error=TimeLimit("the time limit for all calls is used up"))
    global _spent
    captured, started = io.StringIO(), time.monotonic()
    with _watching() as written, warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        with contextlib.redirect_stdout(captured), contextlib.redirect_stderr(captured):
            value, error = _limited(function, seconds)
    _spent += time.monotonic() - started
    return Outcome(value, error, captured.getvalue(), tuple(dict.fromkeys(written)))


def _limited(function: Callable[[], Any], seconds: float) -> tuple[Any, BaseException | None]:
    if threading.current_thread() is threading.main_thread() and hasattr(signal, "setitimer"):
        return _alarmed(function, seconds)
    return _threaded(function, seconds)


def _held(function: Callable[[], Any]) -> tuple[Any, BaseException | None]:
    try:
        return function(), None
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        return None, error


def _alarmed(function: Callable[[], Any], seconds: float) -> tuple[Any, BaseException | None]:
    def ring(signum: int, frame: Any) -> None:
        raise TimeLimit(f"still running after {seconds:.2g} s")

    before = signal.signal(signal.SIGALRM, ring)
    try:
        signal.setitimer(signal.ITIMER_REAL, seconds)
        found = _held(function)
        signal.setitimer(signal.ITIMER_REAL, 0)
        return found
    except TimeLimit as error:  # rang after the call had returned
        return None, error
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _threaded(function: Callable[[], Any], seconds: float) -> tuple[Any, BaseException | None]:
    """Outside the main thread no alarm rings; a call that hangs is left behind in a daemon thread."""
    found: list[tuple[Any, BaseException | None]] = []
    context = copy_context()
    worker = threading.Thread(target=lambda: found.append(context.run(_held, function)), daemon=True)
    worker.start()
    worker.join(seconds)
    return found[0] if found else (None, TimeLimit(f"still running after {seconds:.2g} s"))


_watched: list[list[str]] = []
_hooked = False


@contextlib.contextmanager
def _watching() -> Iterator[list[str]]:
    """The files opened for writing meanwhile. An audit hook cannot be taken away, so there is one, often idle."""
    global _hooked
    if not _hooked:
        sys.addaudithook(_notice)
        _hooked = True
    written: list[str] = []
    _watched.append(written)
    try:
        yield written
    finally:
        _watched.remove(written)


def _notice(event: str, arguments: tuple[Any, ...]) -> None:
    if not _watched or (event != "open" and event not in _CHANGES):
        return
    path, mode = arguments[0], arguments[1] if event == "open" else "w"
    writes = isinstance(mode, str) and any(c in mode for c in "wax+")
    if writes and isinstance(path, str) and "__pycache__" not in path and not path.startswith("/dev/"):
        _watched[-1].append(path)
