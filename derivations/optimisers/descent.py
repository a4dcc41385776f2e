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


def used(weight_decay: bool, maximize: bool) -> str:
    """The name of the gradient that the rule uses."""
    return direction(weight_decay, maximize)[1]


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
        + ("mu: positive = 0.9  # momentum\n" if momentum else "")
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
        torch.optim.SGD([w], lr=eta, momentum=mu, dampening=tau, weight_decay=lam, nesterov=nesterov, maximize=maximize)
    )


sgd = Entry(
    id="sgd",
    title="Stochastic gradient descent",
    names=("gradient descent",),
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


_BUFFER = W + G + M + ETA.format(0.001) + "mu: positive = 0.9  # momentum\n"

momentum = Entry(
    id="momentum",
    title="Momentum: gradient descent with a decaying sum of gradients",
    names=("heavy ball",),
    kind="update",
    parameters={"weight_decay": False, "maximize": False},
    variants=({"weight_decay": True}, {"maximize": True}, {"weight_decay": True, "maximize": True}),
    given=lambda weight_decay, maximize: (
        _BUFFER
        + (LAM.format(0.01) if weight_decay else "")
        + "p: d  # parameters before the last step\nn: d  # buffer after k steps\nk: nonnegative  # number of steps\n"
        + "".join(f"g{j}: d  # gradient {j}\n" for j in (1, 2, 3))
    ),
    define=lambda weight_decay, maximize: "\n".join(
        [
            *(lines := direction(weight_decay, maximize))[0],
            f"m1 = mu*m + {lines[1]}",
            "w1 = w - eta*m1",
            f"n1 = mu*n + {lines[1]}  # the buffer while the gradient stays as it is",
        ]
    ),
    assume={"last": "m = (p - w)/eta  # the buffer made the last step"},
    state={"w": "w1", "m": "m1"},
    proof=lambda weight_decay, maximize: (
        Statement(
            f"w1[i] = w[i] - eta*{(h := used(weight_decay, maximize))}[i] + mu*(w[i] - p[i]) for i in d",
            title="The heavy ball: a gradient step, and μ times the last step once more",
        ),
        Statement(
            f"(1 - mu)*n[i] = (1 - mu**k)*{h}[i] for i in d",
            certificate="mu*before",
            induction=("k", {"n": ("0", "n1")}),
            title="With a constant gradient the buffer grows to 1/(1 − μ) of it",
        ),
        Statement(
            "mu*(mu*(mu*0 + g1[i]) + g2[i]) + g3[i] = mu**2*g1[i] + mu*g2[i] + g3[i] for i in d",
            title="Three steps from zero: older gradients count with powers of μ",
        ),
        *penalty(weight_decay, maximize),
    ),
    torch=lambda torch, w, eta, mu, lam=0.0, maximize=False: stepping(
        torch.optim.SGD([w], lr=eta, momentum=mu, weight_decay=lam, maximize=maximize)
    ),
    conventions=(MAXIMIZE, "The learning rate stands outside the buffer, as in PyTorch: a schedule acts at once."),
    pitfalls=(
        "Papers often keep the learning rate inside the buffer; the two differ as soon as the rate changes.",
        "The effective rate is η/(1 − μ): ten times η for μ = 0.9.",
    ),
    references=("Polyak, Some methods of speeding up the convergence of iteration methods, 1964", "torch.optim.SGD"),
    uses=("sgd",),
)

nesterov = Entry(
    id="nesterov",
    title="Nesterov's momentum: the gradient where momentum leads",
    kind="update",
    parameters={"weight_decay": False, "maximize": False},
    variants=({"weight_decay": True}, {"maximize": True}, {"weight_decay": True, "maximize": True}),
    given=lambda weight_decay, maximize: (
        _BUFFER + (LAM.format(0.01) if weight_decay else "") + "x: d  # parameters of the look-ahead form\n"
    ),
    define=lambda weight_decay, maximize: "\n".join(
        [
            *(lines := direction(weight_decay, maximize))[0],
            f"m1 = mu*m + {lines[1]}",
            f"w1 = w - eta*({lines[1]} + mu*m1)",
            "x1 = x - eta*m1  # the look-ahead form steps from x, with the gradient at w",
        ]
    ),
    assume={"ahead": "w = x - eta*mu*m  # w is where momentum leads from x"},
    state={"w": "w1", "m": "m1"},
    proof=lambda weight_decay, maximize: (
        Statement(
            "w1[i] = x1[i] - eta*mu*m1[i] for i in d",
            title="The rule is the look-ahead form: w stays where momentum leads from x",
        ),
        *penalty(weight_decay, maximize),
    ),
    torch=lambda torch, w, eta, mu, lam=0.0, maximize=False: stepping(
        torch.optim.SGD([w], lr=eta, momentum=mu, weight_decay=lam, nesterov=True, maximize=maximize)
    ),
    conventions=(MAXIMIZE, "PyTorch keeps the point w at which the gradient is taken, not Nesterov's x."),
    pitfalls=("The loss is reported at w, the point ahead; at x it may be another one.",),
    references=(
        "Nesterov, A method for unconstrained convex minimization with the rate of convergence O(1/k²), 1983",
        "Sutskever and others, On the importance of initialization and momentum in deep learning, ICML 2013",
        "torch.optim.SGD",
    ),
    uses=("momentum",),
)
