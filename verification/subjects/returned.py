"""Which gradient is which: every value that a backward returns, and the tensor it is the gradient of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sympy import Symbol

from ...calculus.tensors import Tensor
from ..probing.observations import as_array
from .naming import is_fixed, is_gradient_name, is_loss_name, is_output_name, is_setting, target_of
from .protocol import Subject
from .sandbox import Outcome


def gradients_of(
    subject: Subject,
    pairs: Mapping[str, Tensor],
    ran: Outcome,
    sizes: Mapping[Symbol, int],
    wanted: Sequence[str] | None,
    unused: Sequence[Tensor] = (),
) -> tuple[Tensor | None, ...]:
    """For each returned value its tensor: by the name it has in the code, else by shape, else by order.

    unused: tensors of the reference that the code need not take, as the bias of a dense layer: by name, or by shape
    for a value without a name where as many values are returned as gradients are wanted.
    """
    real = {a: t for a, t in pairs.items() if not t.domain.is_discrete and (wanted is None or t.name in wanted)}
    ordinary = [t for t in real.values() if wanted is not None or (t.domain.value is None and not t.domain.rows)]
    if ran.error is None:
        names: list[str | None] = [n for n, _ in ran.value]
        shapes = [None if (a := as_array(v)) is None else a.shape for _, v in ran.value]
    else:
        names = list(subject.gradient_names) or [None] * len(ordinary)
        shapes = [None] * len(names)
    others = {t.name: t for t in unused if wanted is not None and t.name in wanted}
    found: list[Tensor | None] = [_by_name(n, pairs) or _by_name(n, others) for n in names]
    left_over = [t for t in ordinary if t not in found]
    beside = _beside(names, shapes, found, [shape_of(t, sizes) for t in left_over])
    for k, name in enumerate(names):
        if found[k] is None and k not in beside:
            free = [t for t in ordinary if t not in found]
            fits = [t for t in free if shapes[k] is not None and shape_of(t, sizes) == shapes[k]]
            alone = len(names) - sum(f is not None for f in found) - len(beside) == 1
            settings = all(is_setting(a) for a, t in real.items() if t in fits)
            first = k == 0 and name is None and shapes[k] == () and (settings or all(found[1:]))  # a loss, by custom
            is_loss = name is not None and is_loss_name(name)
            is_value = is_loss or first or ((_is_value(name) or shapes[k] == ()) and not fits)
            is_value = is_value and len(names) > 1
            if is_value and any(t.rank for t in pairs.values()):
                continue
            in_order = [t for t in free if t == _at(ordinary, k, len(names))]
            turned = [t for t in free if shapes[k] is not None and shape_of(t, sizes) == (shapes[k] or ())[::-1]]
            choices = (fits if len(fits) == 1 else []) or in_order or fits or turned or (free if alone else [])
            found[k] = next(iter(choices), None)
            if found[k] is None and name is None and len(names) == len(ordinary) + len(others):
                left = [t for t in others.values() if t not in found and _has_shape(t, sizes, shapes[k])]
                found[k] = left[0] if len(left) == 1 else None
    if ran.error is None:  # a torch Function says with None that a target or a table needs no gradient
        fixed = {t for a, t in pairs.items() if is_fixed(a)}
        found = [None if v is None and t in fixed else t for t, (_, v) in zip(found, ran.value, strict=True)]
    return tuple(found)


def _beside(
    names: Sequence[str | None],
    shapes: Sequence[tuple[int, ...] | None],
    found: Sequence[Tensor | None],
    free: Sequence[tuple[int, ...]],
) -> set[int]:
    """Where values stand that are no gradients, though one of them could be by its shape: ``return y, dx``.

    By their names; where all have one shape, that of a gradient, and names say nothing, the value comes first by
    custom. free: the shapes of the gradients that no value has yet; () may stand for entries of any array.
    """
    unknown = [k for k, t in enumerate(found) if t is None]
    surplus = len(unknown) - len(free) if free else 0
    called = [k for k in unknown if _is_value(names[k])][: max(surplus, 0)]
    common = {shapes[k] for k in unknown}
    fits = () in free or bool(common & {None, *free})
    if called or surplus <= 0 or len(common) > 1 or not fits:
        return set(called)
    silent = [k for k in unknown if (name := names[k]) is None or not is_gradient_name(name)]
    return set((silent if len(silent) < len(unknown) else unknown)[:surplus])


def _is_value(name: str | None) -> bool:
    return name is not None and (is_loss_name(name) or is_output_name(name) or name.casefold() in ("probs", "p"))


def _at(tensors: Sequence[Tensor], k: int, count: int) -> Tensor | None:
    return tensors[k] if len(tensors) == count and k < count else None


def _by_name(name: str | None, pairs: Mapping[str, Tensor]) -> Tensor | None:
    if name is None:
        return None
    plain = {a.rpartition(".")[2]: t for a, t in pairs.items()}
    if name[1:] in pairs:
        return pairs[name[1:]]
    if (found := target_of(name, tuple(plain))) is not None:
        return plain[found]
    tensors = {t.name: t for t in pairs.values()}
    found = target_of(name, tuple(tensors))
    return tensors[found] if found is not None else None


def _has_shape(t: Tensor, sizes: Mapping[Symbol, int], shape: tuple[int, ...] | None) -> bool:
    known = all(s in sizes for d in t.dims for s in d.free_symbols)
    return known and shape is not None and shape_of(t, sizes) == shape


def shape_of(t: Tensor, sizes: Mapping[Symbol, int]) -> tuple[int, ...]:
    if not sizes and not t.rank:
        return ()
    return tuple(int(d.xreplace(dict(sizes))) for d in t.dims)
