"""What an entry is checked against, in words: read from the code of its torch forward, which is not run for it."""

from __future__ import annotations

import dis
from collections.abc import Callable, Iterator
from functools import cache, partial
from types import CodeType, FunctionType
from typing import Any

from .entry import Entry

AUTOGRAD = "torch autograd"
PROOF = "proof alone"
EXACT = "exact values"

#: What torch has under a name of its own; next, what may be the whole of a forward. The rest is plumbing: cat, stack.
_OWN = ("torch.nn.functional.", "torch._VF.", "torch.nn.")
_ROOTS = {"torch": ("torch",), "F": ("torch", "nn", "functional")}
_ELEMENTARY = ("torch.sigmoid", "torch.tanh", "torch.relu", "torch.softmax", "torch._weight_norm")


def counterpart(entry: Entry) -> str:
    """The functions of torch that the independent forward calls, such as ``torch.nn.functional.gelu``.

    Autograd where the forward is written out with operators; exact values where there is no forward; proof alone for
    an entry that computes nothing.
    """
    if entry.against:
        return entry.against
    if entry.torch is None:
        return EXACT if entry.wanted else PROOF
    names = list(dict.fromkeys(_names(entry.torch)))
    own = [name for name in names if name.startswith(_OWN)]
    plain = [name for name in names if name in _ELEMENTARY]
    if own and not plain:
        return ", ".join(own)
    return plain[0] if len(plain) == 1 and len(names) == 1 else AUTOGRAD


def _names(forward: Callable[..., Any]) -> Iterator[str]:
    """The dotted names below ``torch`` that a function reads, and those of functions of its module that it calls."""
    while isinstance(forward, partial):
        forward = forward.func
    if not isinstance(forward, FunctionType):
        return
    seen: set[CodeType] = set()
    queue = [forward.__code__]
    while queue:
        code = queue.pop(0)
        if code in seen:
            continue
        seen.add(code)
        queue += [constant for constant in code.co_consts if isinstance(constant, CodeType)]
        inner = (forward.__globals__.get(name) for name in code.co_names)
        queue += [f.__code__ for f in inner if isinstance(f, FunctionType)]
        cells = dict(zip(forward.__code__.co_freevars, forward.__closure__ or (), strict=False))
        held = (cells[name].cell_contents for name in code.co_freevars if name in cells)
        queue += [f.__code__ for f in held if isinstance(f, FunctionType)]
        yield from _chains(code)


@cache
def _chains(code: CodeType) -> tuple[str, ...]:
    """``torch.nn.functional.gelu`` where the code reads ``functional`` of ``nn`` of torch; ``F`` is the former."""
    if not _ROOTS.keys() & {*code.co_names, *code.co_varnames, *code.co_freevars}:
        return ()
    found: list[str] = []
    chain: list[str] = []
    for instruction in dis.get_instructions(code):
        if instruction.opname in ("LOAD_ATTR", "LOAD_METHOD") and chain:
            chain.append(str(instruction.argval))
            continue
        if len(chain) > 1 and chain != ["torch", "nn", "functional"]:
            found.append(".".join(chain))
        # A load may bring two variables at once; the last is on top.
        values = instruction.argval if isinstance(instruction.argval, tuple) else (instruction.argval,)
        is_load = instruction.opname.startswith("LOAD_")
        chain = list(_ROOTS.get(values[-1], ())) if is_load else []
    return tuple(found)
