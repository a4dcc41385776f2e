"""What a cross-check says: one record for each function, result, regime and dtype, and the sum of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

Kind = Literal["ok", "wrong", "torch disagrees", "error"]


@dataclass(frozen=True)
class RegimeResult:
    """One array of one function in one regime and dtype, at its worst entry.

    ours, torch, exact: the three values there. error and torch_error: distances from the exact value in ULP; bound: the
    error allowed, in ULP. skipped: entries at which the exact value is undefined. detail: what went wrong, in words.
    form: in which way the code computed it, in words, where that is one for long arrays.
    """

    function: str
    result: str
    regime: str
    dtype: str
    device: str
    kind: Kind
    index: tuple[int, ...] = ()
    ours: float | None = None
    torch: float | None = None
    exact: str = ""
    error: float = 0.0
    torch_error: float | None = None
    bound: float = 0.0
    skipped: int = 0
    detail: str = ""
    form: str = ""

    @property
    def passed(self) -> bool:
        return self.kind == "ok"

    @property
    def share(self) -> float:
        """The error as a share of what is allowed."""
        return self.error / self.bound if self.bound else float("inf") if self.error else 0.0

    def __str__(self) -> str:
        place = f"{self.result}[{', '.join(map(str, self.index))}]" if self.index else self.result
        way = f" {self.form}" if self.form else ""
        head = f"{self.function}{way}, {place}, {self.regime}, {self.dtype}"
        if self.kind == "error":
            return f"{head}: {self.detail}"
        torch = "" if self.torch is None else f", torch {self.torch!r}"
        return (
            f"{head}: {self.detail + '; ' if self.detail else ''}ours {self.ours!r}{torch}, exact {self.exact}, "
            f"error {self.error:.3g} ULP, bound {self.bound:.3g} ULP"
        )


@dataclass(frozen=True)
class CheckReport:
    """The cross-check of one derivation. ``passed`` means: every array in every regime within its bound.

    code: the language of the generated code, as a person calls it.
    """

    id: str
    device: str
    dtypes: tuple[str, ...]
    torch_version: str | None
    results: tuple[RegimeResult, ...]
    notes: tuple[str, ...] = ()
    code: str = "NumPy"

    @property
    def passed(self) -> bool:
        return bool(self.results) and all(r.passed for r in self.results)

    @property
    def failures(self) -> tuple[RegimeResult, ...]:
        return tuple(r for r in self.results if not r.passed)

    @property
    def regimes(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(r.regime for r in self.results))

    @property
    def forms(self) -> tuple[str, ...]:
        """The ways of computing long arrays that were run as well, in words."""
        return tuple(dict.fromkeys(r.form for r in self.results if r.form))

    @property
    def worst(self) -> RegimeResult | None:
        """The failure, or else the pass, that is furthest out as a share of its bound."""
        pool: Sequence[RegimeResult] = self.failures or self.results
        return max(pool, key=lambda r: r.share, default=None)

    @property
    def summary(self) -> str:
        """One line: what was compared with what, and how it went."""
        torch = f"torch {self.torch_version} on {self.device} and " if self.torch_version else ""
        return f"{self.code} against {torch}exact values, {', '.join(self.dtypes)}: {self.outcome}"

    @property
    def outcome(self) -> str:
        """How it went, without what was compared."""
        count = f"{len(self.regimes)} regime{'' if len(self.regimes) == 1 else 's'}"
        if self.forms:
            count += f", long arrays too ({', '.join(self.forms)})"
        worst = self.worst
        if worst is None:
            return "nothing was compared"
        if self.passed:
            allowed = f"{worst.error:.2g} ULP where {worst.bound:.2g} are allowed"
            return f"{count}, largest share of a bound {worst.share:.0%} ({worst.regime}: {allowed})"
        return f"{count}, {len(self.failures)} of {len(self.results)} comparisons fail; worst: {worst}"

    def as_json(self) -> dict[str, object]:
        """Plain data."""
        return {
            "id": self.id,
            "passed": self.passed,
            "device": self.device,
            "dtypes": list(self.dtypes),
            "torch": self.torch_version,
            "regimes": list(self.regimes),
            "long_arrays": list(self.forms),
            "comparisons": len(self.results),
            "summary": self.summary,
            "worst": None if self.worst is None else asdict(self.worst),
            "failures": [asdict(r) for r in self.failures],
            "notes": list(self.notes),
        }
