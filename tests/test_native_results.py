"""Long results of compiled functions: memory is used again, but never while anybody can see what it holds."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from compiler_here import needs_compiler

import nnmath
from nnmath.numeric.native import results
from nnmath.numeric.native.results import LEAST, MOST, Results

SHAPE, KIND = (512, 1024), np.dtype(np.float32)  # 2 MiB


def _address(a: Any) -> int:
    return int(a.__array_interface__["data"][0])


def test_what_was_dropped_is_filled_again() -> None:
    given = Results(2)
    first = given.empty(SHAPE, KIND)
    where = _address(first)
    del first
    assert _address(given.empty(SHAPE, KIND)) == where
    held = given.empty(SHAPE, KIND)
    assert (held.shape, held.dtype, held.base, held.flags.owndata) == (SHAPE, KIND, None, True)
    assert _address(given.empty(SHAPE, KIND)) != _address(held)


#: Ways to hold an array that keep the array object itself out of sight.
HOLDS: dict[str, Callable[[Any], Any]] = {
    "itself": lambda a: a,
    "a list": lambda a: [a],
    "a row": lambda a: a[3],
    "a view of another dtype": lambda a: a.view(np.int32),
    "a transposed view of a view": lambda a: a[1:].T,
    "memoryview": memoryview,
    "an iterator": lambda a: a.flat,
    "a weak reference": weakref.ref,
    "a function": lambda a: lambda: a,
    "torch": lambda a: pytest.importorskip("torch").from_numpy(a),
    "torch, a view": lambda a: pytest.importorskip("torch").from_numpy(a)[2:].T,
    "dlpack": lambda a: np.from_dlpack(a),
}


@pytest.mark.parametrize("hold", HOLDS.values(), ids=HOLDS)
def test_what_is_held_in_any_way_is_left_alone(hold: Callable[[Any], Any]) -> None:
    given = Results(4)
    held = hold(given.empty(SHAPE, KIND))
    (own,) = given.kept
    where = _address(own)
    del own
    assert all(_address(a) != where for a in [given.empty(SHAPE, KIND) for _ in range(4)])
    del held


def test_holding_is_noticed_by_the_count_of_references(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it, an array that is still held would be given away."""
    given = Results(1)
    held = given.empty(SHAPE, KIND)
    monkeypatch.setattr(results, "_first", lambda kept: (kept.popleft(), given.alone))
    assert given.empty(SHAPE, KIND) is held


CHANGES: dict[str, Callable[[Any], Any]] = {
    "another shape": lambda a: setattr(a, "shape", (1024, 512)),
    "read only": lambda a: a.setflags(write=False),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_what_was_changed_is_not_given_again(change: Callable[[Any], Any]) -> None:
    given = Results(1)
    first = given.empty(SHAPE, KIND)
    where = _address(first)
    change(first)
    del first
    again = given.empty(SHAPE, KIND)
    assert again.shape == SHAPE and again.flags.writeable
    assert _address(again) != where or given.kept[0] is not again


@pytest.mark.parametrize("entries", (1, LEAST // 4 - 1, MOST // 4 + 1))
def test_short_and_very_long_arrays_are_not_kept(entries: int) -> None:
    given = Results(2)
    assert given.empty((entries,), KIND).shape == (entries,)
    assert not given.kept


def test_no_more_is_kept_than_was_said() -> None:
    given = Results(2)
    for n in range(1, 6):
        given.empty((n, LEAST), KIND)
        assert len(given.kept) <= 2


@needs_compiler
def test_threads_do_not_share_results(own_cache: None) -> None:
    silu = nnmath.compiled("silu")
    assert not silu.notes
    x = np.linspace(-5, 5, LEAST // 4, dtype=np.float32)
    expected = [silu.silu(x * k) for k in range(4)]
    kept: list[tuple[int, Any]] = []

    def work(k: int) -> None:
        for _ in range(5):
            for _ in range(3):
                silu.silu(x * k)
            kept.append((k, silu.silu(x * k)))

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(kept) == 20 and all(np.array_equal(found, expected[k]) for k, found in kept)
