"""What is timed: a formula, its arrays in float32, and the fewest bytes and operations that it needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod

#: Attention with a batch axis, as text: one call does the whole batch, as it does in torch.
ATTENTION = {
    "given": "Q: b n d\nK: b m d\nV: b m v\ndO: b n v",
    "define": """
        S[a, i, j] = sum(Q[a, i, e]*K[a, j, e] for e in d)/sqrt(d)
        P = softmax(S)
        O[a, i, e] = sum(P[a, i, j]*V[a, j, e] for j in m)
        L = upstream(dO, O)
    """,
    "wanted": ("dL/dQ", "dL/dK", "dL/dV"),
}

#: Bytes of a float32.
SIZE = 4


@dataclass(frozen=True)
class Case:
    """A formula at one size, forward and backward in one go, or backward alone.

    formula: the id of an entry, or ``batched-attention``. shapes: of the float32 arrays, by name. rows, zero_one: those
    that hold distributions, and zeros and ones. wrt: what is differentiated by, in the order of the results. upstream:
    the array that multiplies the gradient; None for a loss. value: the shape of the value. outputs: names of the
    outputs wanted of an entry that has several. operations: floating-point operations of its matrix products.
    """

    id: str
    formula: str
    shapes: Mapping[str, tuple[int, ...]]
    wrt: tuple[str, ...]
    value: tuple[int, ...] = ()
    upstream: str | None = None
    rows: tuple[str, ...] = ()
    zero_one: tuple[str, ...] = ()
    backward_alone: bool = False
    outputs: tuple[str, ...] = ()
    operations: int = 0
    unread: tuple[str, ...] = field(default=())

    @property
    def part(self) -> str:
        return "backward" if self.backward_alone else "forward + backward"

    @property
    def bytes(self) -> int:
        """Every array read once, every result written once."""
        read = [shape for name, shape in self.shapes.items() if name not in self.unread]
        written = [self.shapes[name] for name in self.wrt] + ([] if self.backward_alone else [self.value])
        return SIZE * sum(prod(shape) for shape in (*read, *written))


def _softmax_ce(n: int, C: int) -> Case:
    return Case(f"softmax-ce-{n}x{C}", "softmax-ce", {"Z": (n, C), "Y": (n, C)}, ("Z",), rows=("Y",))


def _activation(id: str) -> Case:
    shape = (1_000_000,)
    return Case(f"{id}-1e6", id, {"x": shape, "upstream": shape}, ("x",), shape, "upstream")


def _norm(id: str, backward_alone: bool) -> Case:
    n, D = 4096, 1024
    shapes = {"X": (n, D), "g": (D,), **({"b": (D,)} if id == "layernorm" else {}), "dY": (n, D)}
    wrt = ("X", "g", "b") if id == "layernorm" else ("X", "g")
    name = f"{id}-{'backward-' if backward_alone else ''}{n}x{D}"
    unread = ("b",) if backward_alone and id == "layernorm" else ()
    return Case(name, id, shapes, wrt, (n, D), "dY", backward_alone=backward_alone, unread=unread)


def _batchnorm(n: int, C: int) -> Case:
    shapes = {"X": (n, C), "g": (C,), "b": (C,), "dY": (n, C)}
    return Case(f"batchnorm-{n}x{C}", "batchnorm", shapes, ("X", "g", "b"), (n, C), "dY", outputs=("L",))


def _attention(b: int, n: int, d: int) -> Case:
    shapes = dict.fromkeys(("Q", "K", "V", "dO"), (b, n, d))
    operations = 6 * 2 * b * n * n * d  # S, O; dP, dQ, dK, dV
    name = f"attention-{b}x{n}x{d}"
    return Case(name, "batched-attention", shapes, ("Q", "K", "V"), (b, n, d), "dO", operations=operations)


def _mlp(n: int) -> Case:
    D, H, C = 784, 256, 10
    shapes = {"X": (n, D), "W1": (D, H), "b1": (H,), "W2": (H, C), "b2": (C,), "Y": (n, C)}
    operations = 2 * n * (2 * D * H + 3 * H * C)  # Z1, dW1; Z2, dW2, dA1
    return Case(f"mlp-{n}", "mlp-softmax", shapes, ("W1", "b1", "W2", "b2"), rows=("Y",), operations=operations)


CASES: Mapping[str, Case] = {
    case.id: case
    for case in (
        _softmax_ce(64, 10),
        _softmax_ce(512, 1000),
        _softmax_ce(4096, 8000),
        *map(_activation, ("silu", "gelu", "gelu-tanh", "mish")),
        _norm("layernorm", True),
        _norm("layernorm", False),
        _norm("rmsnorm", True),
        _norm("rmsnorm", False),
        _batchnorm(8192, 256),
        _attention(8, 256, 64),
        _mlp(64),
        _mlp(1024),
        Case("bce-1e6", "bce-with-logits", {"z": (1_000_000,), "t": (1_000_000,)}, ("z",), zero_one=("t",)),
    )
}


def chosen(names: Sequence[str], unknown: Callable[[str], Exception]) -> list[Case]:
    """The cases with these ids, or that begin with them; all for none. Raises what ``unknown`` makes of a name."""
    found: dict[str, Case] = {}
    for name in names:
        fitting = [CASES[name]] if name in CASES else [c for c in CASES.values() if c.id.startswith(name)]
        if not fitting:
            raise unknown(name)
        found |= {c.id: c for c in fitting}
    return list(found.values()) if names else list(CASES.values())
