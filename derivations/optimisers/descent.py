"""Gradient descent with its options, momentum, and Nesterov's momentum."""

from __future__ import annotations

from typing import Any

from ..entry import Entry, Statement
from ..options import ParameterError
from .counterparts import stepping

W = "w: d  # parameters\n"
G = "g: d  # gradient of the loss at w\n"
M = "m: d  # momentum buffer\n"
T = "t: positive = 1  # number of the step, from 1\n"
ETA = "eta: positive = {}  # learning rate\n"
LAM = "lam: nonnegative = {}  # weight decay\n"
U = "u: d  # any other parameters\n"

MAXIMIZE = "With maximize the gradient changes its sign, and nothing else does: weight decay still shrinks w."


def direction(weight_decay: bool, maximize: bool) -> tuple[list[str], str]:
    """The gradient after the options that come first in every rule of torch: its definition, and its name."""
    if not (weight_decay or maximize):
        return [], "g"
    text = ("-g" if maximize else "g") + (" + lam*w" if weight_decay else "")
    return [f"h = {text}  # {'ascent' if maximize else 'gradient of the loss with its penalty'}"], "h"


def penalty(weight_decay: bool, maximize: bool) -> tuple[Statement, ...]:
    """Weight decay in the gradient is an L2 penalty."""
    if not weight_decay:
        return ()
    sign = "-" if maximize else ""
    return (
        Statement(
            f"h[i] = {sign}g[i] + partial(lam/2*sum(w**2), w[i]) for i in d",
            by="gradient of the penalty",
            title="Weight decay is the gradient of an L2 penalty of (λ/2)‖w‖²",
        ),
    )


def _sgd_given(momentum: bool, dampening: bool, nesterov: bool, weight_decay: bool, maximize: bool) -> str:
    if nesterov and (dampening or not momentum):
        raise ParameterError("nesterov=True for sgd goes with momentum and without dampening, such as momentum=yes")
    if dampening and not momentum:
        raise ParameterError("dampening=True for sgd damps the momentum buffer: add momentum=yes")
    return (
        W
        + G
        + U
        + (M if momentum else "")
        + (T if dampening else "")
        + ETA.format(0.001)
        + ("mu: nonnegative = 0.9  # momentum\n" if momentum else "")
        + ("tau: nonnegative = 0.1  # dampening\n" if dampening else "")
        + (LAM.format(0.01) if weight_decay else "")
    )


def _sgd_define(momentum: bool, dampening: bool, nesterov: bool, weight_decay: bool, maximize: bool) -> str:
    lines, h = direction(weight_decay, maximize)
    step = h
    if momentum:
        fed = f"where(t > 1, mu*m + (1 - tau)*{h}, {h})" if dampening else f"mu*m + {h}"
        lines.append(f"m1 = {fed}")
        step = f"({h} + mu*m1)" if nesterov else "m1"
    return "\n".join([*lines, f"w1 = w - eta*{step}"])


def _sgd_step(momentum: bool, nesterov: bool, weight_decay: bool, maximize: bool) -> str:
    _, h = direction(weight_decay, maximize)
    return f"({h} + mu*m1)" if nesterov else "m1" if momentum else h


def _sgd_proof(
    momentum: bool, dampening: bool, nesterov: bool, weight_decay: bool, maximize: bool
) -> tuple[Statement, ...]:
    step = _sgd_step(momentum, nesterov, weight_decay, maximize)
    model = f"sum({step}*({{0}} - w)) + sum(({{0}} - w)**2)/(2*eta)"
    return (
        Statement(
            f"{model.format('w1')} <= {model.format('u')}",
            by="complete the square",
            certificate="sum((u - w1)**2)/(2*eta)",
            title="The step minimises the linear model of the loss plus ‖w′ − w‖²/(2η)",
        ),
        *penalty(weight_decay, maximize),
    )


def _sgd_torch(
    torch: Any,
    w: Any,
    eta: float,
    mu: float = 0.0,
    tau: float = 0.0,
    lam: float = 0.0,
    nesterov: bool = False,
    maximize: bool = False,
) -> Any:
    return stepping(
        torch.optim.SGD(
            [w], lr=eta, momentum=mu, dampening=tau, weight_decay=lam, nesterov=nesterov, maximize=maximize
        )
    )


sgd = Entry(
    id="sgd",
    title="Stochastic gradient descent",
    kind="update",
    parameters={"momentum": False, "dampening": False, "nesterov": False, "weight_decay": False, "maximize": False},
    variants=(
        {"weight_decay": True},
        {"maximize": True},
        {"weight_decay": True, "maximize": True},
        {"momentum": True},
        {"momentum": True, "dampening": True},
        {"momentum": True, "nesterov": True},
        {"momentum": True, "dampening": True, "weight_decay": True, "maximize": True},
        {"momentum": True, "nesterov": True, "weight_decay": True, "maximize": True},
    ),
    given=_sgd_given,
    define=_sgd_define,
    state=lambda momentum, **_: {"w": "w1"} | ({"m": "m1"} if momentum else {}),
    proof=_sgd_proof,
    torch=_sgd_torch,
    conventions=(MAXIMIZE, "With dampening the buffer starts as the first gradient, undamped, as in PyTorch."),
    pitfalls=(
        "Weight decay equals an L2 penalty here; in a rule that rescales the gradient it does not (see adamw).",
        "The buffer of PyTorch is not an average: with momentum μ a constant gradient moves w 1/(1 − μ) times as far.",
    ),
    references=("Robbins and Monro, A stochastic approximation method, 1951", "torch.optim.SGD"),
    uses=("descent-lemma",),
)
