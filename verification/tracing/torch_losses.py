"""The losses of ``torch.nn.functional``, with their options."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy
import sympy
from sympy import Expr, Integer

from ...calculus.functions import Where, absolute, softplus
from .conversion import symbolic
from .numpy_table import FUNCTIONS
from .session import untraceable
from .symbolic import exactly, made, size
from .torch_elementwise import Rule
from .torch_functional import log_softmax
from .torch_indexing import gather
from .torch_tensor import number_of
from .values import elementwise, length


def reduced(loss: Any, reduction: str, size_average: Any = None, reduce: Any = None) -> Any:
    """The mean, the sum, or every entry of a loss."""
    if size_average is not None or reduce is not None:
        raise untraceable("the options size_average and reduce", "they are deprecated; write reduction=")
    if reduction == "mean":
        return FUNCTIONS["mean"](loss)
    if reduction == "sum":
        return FUNCTIONS["sum"](loss)
    if reduction != "none":
        raise ValueError(f"{reduction} is not a valid value for reduction")
    return loss


def loss_of(function: Callable[..., Expr], **defaults: Any) -> Rule:
    """A loss that compares entry with entry."""

    def rule(
        input: Any,
        target: Any,
        size_average: Any = None,
        reduce: Any = None,
        reduction: str = "mean",
        weight: Any = None,
        **options: Any,
    ) -> Any:
        given = {**defaults, **options}
        if given.keys() - defaults.keys():
            raise untraceable(
                "this loss", f"the option {', '.join(given.keys() - defaults.keys())} is not in the table"
            )
        values = {k: v if isinstance(v, bool) else exactly(number_of(v)) for k, v in given.items()}
        found = made(
            elementwise(lambda x, t: function(x, t, **values), symbolic(input).entries, symbolic(target).entries)
        )
        return reduced(found if weight is None else found * weight, reduction, size_average, reduce)

    return rule


def _huber(x: Expr, t: Expr, delta: Expr) -> Expr:
    return Where(absolute(x - t) - delta, delta * (absolute(x - t) - delta / 2), (x - t) ** 2 / 2)


def _smooth_l1(x: Expr, t: Expr, beta: Expr) -> Expr:
    if beta == 0:
        return absolute(x - t)
    return Where(absolute(x - t) - beta, absolute(x - t) - beta / 2, (x - t) ** 2 / (2 * beta))


def _bce(x: Expr, t: Expr) -> Expr:
    return -(t * sympy.log(x) + (1 - t) * sympy.log(1 - x))


def _bce_with_logits(
    input: Any,
    target: Any,
    weight: Any = None,
    size_average: Any = None,
    reduce: Any = None,
    reduction: str = "mean",
    pos_weight: Any = None,
) -> Any:
    positive = symbolic(1 if pos_weight is None else pos_weight)

    def function(x: Expr, t: Expr, p: Expr) -> Expr:
        return p * t * softplus(-x) + (1 - t) * softplus(x)

    found = made(elementwise(function, input.entries, target.entries, positive.entries))
    return reduced(found if weight is None else found * weight, reduction, size_average, reduce)


def _kl_div(
    input: Any,
    target: Any,
    size_average: Any = None,
    reduce: Any = None,
    reduction: str = "mean",
    log_target: bool = False,
) -> Any:
    found = numpy.exp(target) * (target - input) if log_target else target * (numpy.log(target) - input)
    if reduction == "batchmean":
        return FUNCTIONS["sum"](found) / input.shape[0]
    return reduced(found, reduction, size_average, reduce)


def _gaussian_nll(
    input: Any, target: Any, var: Any, full: bool = False, eps: Any = 1e-6, reduction: str = "mean"
) -> Any:
    raise untraceable("gaussian_nll_loss", "its variance is bounded away from zero by a maximum")


# -- classes -----------------------------------------------------------------------------------------------------------


def _class_axis(input: Any) -> int:
    return 0 if input.ndim == 1 else 1


def nll_loss(
    input: Any,
    target: Any,
    weight: Any = None,
    size_average: Any = None,
    ignore_index: Any = -100,
    reduce: Any = None,
    reduction: str = "mean",
) -> Any:
    """The negative entry at the label, weighted by class, without the labels that are ignored."""
    at = _class_axis(input)
    found: Any = gather(input, at, target[(slice(None),) * at + (None,)])
    picked = -found[(slice(None),) * at + (0,)]
    counted = _counted(target, weight, ignore_index)
    if counted is None:
        return reduced(picked, reduction, size_average, reduce)
    found = picked * counted
    if reduction == "mean" and size_average is None and reduce is None:
        return FUNCTIONS["sum"](found) / FUNCTIONS["sum"](counted)
    return reduced(found, reduction, size_average, reduce)


def _counted(target: Any, weight: Any, ignore_index: Any) -> Any:
    """How much every label counts; None where all count one. No label is negative."""
    factor = None if weight is None else weight[target]
    ignored = exactly(number_of(ignore_index))
    if ignored.is_negative:
        return factor
    kept = made(elementwise(lambda m: 1 - m, numpy.equal(target, number_of(ignore_index)).entries), "f")
    return kept if factor is None else kept * factor


def cross_entropy(
    input: Any,
    target: Any,
    weight: Any = None,
    size_average: Any = None,
    ignore_index: Any = -100,
    reduce: Any = None,
    reduction: str = "mean",
    label_smoothing: Any = 0.0,
) -> Any:
    """Of labels or of probabilities, with smoothing: ε/C of every class is mixed in."""
    at = _class_axis(input)
    logs = log_softmax(input, at)
    smoothing = exactly(number_of(label_smoothing))
    classes = length(input.axes[at])
    if target.kind == "f":
        return _soft_cross_entropy(logs, target, weight, smoothing, classes, at, reduction)
    hard = nll_loss(logs, target, weight, size_average, ignore_index, reduce, reduction)
    if smoothing == 0:
        return hard
    if weight is not None or not exactly(number_of(ignore_index)).is_negative:
        raise untraceable("cross_entropy", "label_smoothing beside weight or ignore_index is not in the table")
    smooth = -FUNCTIONS["sum"](logs, axis=at)
    smooth = reduced(smooth, reduction, size_average, reduce)
    return hard * size(1 - smoothing) + smooth * size(smoothing / classes)


def _soft_cross_entropy(
    logs: Any, target: Any, weight: Any, smoothing: Expr, classes: Expr, at: int, reduction: str
) -> Any:
    if smoothing != 0:
        target = target * size(1 - smoothing) + size(smoothing / classes)
    products = logs * target
    if weight is not None:
        products = products * weight[(slice(None), *(None,) * (logs.ndim - at - 1))]
    found = -FUNCTIONS["sum"](products, axis=at)
    # Torch divides by the number of rows, whatever the weights.
    return reduced(found, reduction)


def _margin_ranking(
    input1: Any,
    input2: Any,
    target: Any,
    margin: Any = 0.0,
    size_average: Any = None,
    reduce: Any = None,
    reduction: str = "mean",
) -> Any:
    found: Any = -target * (input1 - input2) + margin
    loss = made(elementwise(lambda x: Where(-x, Integer(0), x), found.entries))
    return reduced(loss, reduction, size_average, reduce)


LOSSES: dict[str, Rule] = {
    "mse_loss": loss_of(lambda x, t: (x - t) ** 2),
    "l1_loss": loss_of(lambda x, t: absolute(x - t)),
    "huber_loss": loss_of(_huber, delta=1.0),
    "smooth_l1_loss": loss_of(_smooth_l1, beta=1.0),
    "soft_margin_loss": loss_of(lambda x, t: softplus(-t * x)),
    "binary_cross_entropy": loss_of(_bce),
    "binary_cross_entropy_with_logits": _bce_with_logits,
    "kl_div": _kl_div,
    "nll_loss": nll_loss,
    "nll_loss_nd": nll_loss,
    "cross_entropy": cross_entropy,
    "cross_entropy_loss": cross_entropy,
    "margin_ranking_loss": _margin_ranking,
    "gaussian_nll_loss": _gaussian_nll,
}
