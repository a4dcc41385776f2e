"""Adam and what was made of it: AdamW, Adamax, NAdam, RAdam, LAMB."""

from __future__ import annotations

from typing import Any

from ..entry import Entry, Statement
from .counterparts import stepping
from .descent import ETA, LAM, MAXIMIZE, G, T, W, direction, penalty, used

MOMENTS = "m: d  # running mean of gradients\nv: d nonnegative  # running mean of squared gradients\n"
BETAS = "beta1: positive = 0.9  # smoothing of m\nbeta2: positive = 0.999  # smoothing of v\n"
EPS = "eps: nonnegative = 1e-8  # against division by zero\n"
STEPS = "k: nonnegative  # number of steps\nc: positive  # a factor of all gradients\n"
KINGMA = "Kingma and Ba, Adam: a method for stochastic optimization, ICLR 2015"


def _given(eta: float, *more: str) -> str:
    return W + G + MOMENTS + T + ETA.format(eta) + BETAS + EPS + "".join(more) + STEPS


def _moments(h: str) -> list[str]:
    return [f"m1 = beta1*m + (1 - beta1)*{h}", f"v1 = beta2*v + (1 - beta2)*{h}**2"]


def _decayed(weight_decay: bool, maximize: bool, decoupled: bool) -> tuple[list[str], str, str]:
    """The definitions before the moments, the gradient that they use, and the parameters that the step starts at."""
    lines, h = direction(weight_decay and not decoupled, maximize)
    if weight_decay and decoupled:
        return [*lines, "q = (1 - eta*lam)*w  # the parameters, decayed"], h, "q"
    return lines, h, "w"


def corrections(h: str, second: bool = True) -> tuple[Statement, ...]:
    """Why moments that start at 0 are divided by 1 − βᵗ."""
    first = (
        Statement(
            f"m[i] = (1 - beta1**k)*{h}[i] for i in d",
            certificate="beta1*before",
            induction=("k", {"m": ("0", "m1")}),
            name="mean",
            title="With a constant gradient the mean after k steps is 1 − β₁ᵏ of it",
        ),
        Statement(
            f"m[i]/(1 - beta1**k) = {h}[i] for i in d",
            certificate="mean[i]/(1 - beta1**k)",
            title="so divided by 1 − β₁ᵏ it is the gradient",
        ),
    )
    squared = (
        Statement(
            f"v[i] = (1 - beta2**k)*{h}[i]**2 for i in d",
            certificate="beta2*before",
            induction=("k", {"v": ("0", "v1")}),
            name="square",
            title="In the same way the mean of squares",
        ),
        Statement(
            f"v[i]/(1 - beta2**k) = {h}[i]**2 for i in d",
            certificate="square[i]/(1 - beta2**k)",
            title="so divided by 1 − β₂ᵏ it is the squared gradient",
        ),
    )
    return (*first, *(squared if second else ()))


def _separate(h: str) -> tuple[Statement, ...]:
    return (
        Statement(
            "w1[i] = w[i] - eta*(m_hat[i]/(sqrt(v_hat[i]) + eps) + lam*w[i]) for i in d",
            title="Decoupled: the decay is not divided by the root of v",
        ),
        Statement(
            "(1 - eta*lam)*w[i] - eta*g[i] = w[i] - eta*(g[i] + partial(lam/2*sum(w**2), w[i])) for i in d",
            by="gradient of the penalty",
            title="In plain gradient descent it would be the same as an L2 penalty",
        ),
    )


def _adam_define(weight_decay: bool, maximize: bool, amsgrad: bool, decoupled_weight_decay: bool) -> str:
    lines, h, start = _decayed(weight_decay, maximize, decoupled_weight_decay)
    return "\n".join(
        [
            *lines,
            *_moments(h),
            *(["x1 = max(x, v1)  # never smaller than before"] if amsgrad else []),
            "m_hat = m1/(1 - beta1**t)  # mean, corrected for its start at 0",
            f"v_hat = {'x1' if amsgrad else 'v1'}/(1 - beta2**t)",
            f"w1 = {start} - eta*m_hat/(sqrt(v_hat) + eps)",
            f"m2 = beta1*(c*m) + (1 - beta1)*(c*{h})  # the means where all gradients are c times as large",
            f"v2 = beta2*(c**2*v) + (1 - beta2)*(c*{h})**2",
        ]
    )


def _adam_proof(weight_decay: bool, maximize: bool, amsgrad: bool, decoupled_weight_decay: bool) -> Any:
    _, h, _ = _decayed(weight_decay, maximize, decoupled_weight_decay)
    larger = Statement(
        "x1[i] >= x[i] for i in d", certificate="max(v1[i] - x[i], 0)", title="With amsgrad the divisor never falls"
    )
    return (
        *corrections(h),
        Statement(
            f"eta*abs({h}[i])/(abs({h}[i]) + eps) <= eta for i in d",
            certificate=f"eta*eps/(abs({h}[i]) + eps)",
            title="So with a constant gradient no entry moves further than η",
        ),
        Statement(
            "m2[i]/sqrt(v2[i]) = m1[i]/sqrt(v1[i]) for i in d",
            title="and with ε = 0 a factor of all gradients changes nothing",
        ),
        *([larger] if amsgrad else []),
        *(_separate(h) if weight_decay and decoupled_weight_decay else ()),
        *(penalty(True, maximize) if weight_decay and not decoupled_weight_decay else ()),
    )


def _adam_torch(
    torch: Any,
    w: Any,
    eta: float,
    beta1: float,
    beta2: float,
    eps: float,
    lam: float = 0.0,
    amsgrad: bool = False,
    maximize: bool = False,
    decoupled_weight_decay: bool = False,
) -> Any:
    return stepping(
        torch.optim.Adam(
            [w],
            lr=eta,
            betas=(beta1, beta2),
            eps=eps,
            weight_decay=lam,
            amsgrad=amsgrad,
            maximize=maximize,
            decoupled_weight_decay=decoupled_weight_decay,
            foreach=False,
        )
    )


adam = Entry(
    id="adam",
    title="Adam, with the derivation of its bias correction",
    kind="update",
    parameters={"weight_decay": False, "maximize": False, "amsgrad": False, "decoupled_weight_decay": False},
    variants=(
        {"weight_decay": True},
        {"weight_decay": True, "decoupled_weight_decay": True},
        {"maximize": True},
        {"amsgrad": True},
        {"weight_decay": True, "maximize": True, "amsgrad": True},
    ),
    given=lambda weight_decay, amsgrad, **_: _given(
        0.001,
        "x: d nonnegative  # largest mean of squares so far\n" if amsgrad else "",
        LAM.format(0.01) if weight_decay else "",
    ),
    define=_adam_define,
    state=lambda amsgrad, **_: {"w": "w1", "m": "m1", "v": "v1"} | ({"x": "x1"} if amsgrad else {}),
    proof=_adam_proof,
    torch=_adam_torch,
    conventions=(MAXIMIZE, "t counts from 1: in the first step 1 − β₁ᵗ is 1 − β₁."),
    pitfalls=(
        "ε is added outside the root, after the correction; inside it, or before, is another rule.",
        "Weight decay as an L2 penalty is divided by √v with the gradient, so large gradients are decayed less: adamw.",
    ),
    references=(
        f"{KINGMA}, section 3",
        "Reddi, Kale and Kumar, On the convergence of Adam, ICLR 2018",
        "torch.optim.Adam",
    ),
    uses=("momentum", "rmsprop"),
)


adamw = Entry(
    id="adamw",
    title="AdamW: Adam with decoupled weight decay",
    kind="update",
    parameters={"maximize": False, "amsgrad": False},
    variants=({"maximize": True}, {"amsgrad": True}, {"maximize": True, "amsgrad": True}),
    given=lambda amsgrad, **_: _given(
        0.001, "x: d nonnegative  # largest mean of squares so far\n" if amsgrad else "", LAM.format(0.01)
    ),
    define=lambda maximize, amsgrad: _adam_define(True, maximize, amsgrad, True),
    state=lambda amsgrad, **_: {"w": "w1", "m": "m1", "v": "v1"} | ({"x": "x1"} if amsgrad else {}),
    proof=lambda maximize, amsgrad: _adam_proof(True, maximize, amsgrad, True),
    torch=lambda torch, w, eta, beta1, beta2, eps, lam, amsgrad=False, maximize=False: stepping(
        torch.optim.AdamW(
            [w],
            lr=eta,
            betas=(beta1, beta2),
            eps=eps,
            weight_decay=lam,
            amsgrad=amsgrad,
            maximize=maximize,
            foreach=False,
        )
    ),
    conventions=(MAXIMIZE, "The decay is multiplied by the learning rate, so a schedule acts on both."),
    pitfalls=("A λ that was tuned for Adam with an L2 penalty is far too small or too large here.",),
    references=("Loshchilov and Hutter, Decoupled weight decay regularization, ICLR 2019", "torch.optim.AdamW"),
    uses=("adam",),
)


def _adamax_define(weight_decay: bool, maximize: bool) -> str:
    lines, h = direction(weight_decay, maximize)
    return "\n".join(
        [
            *lines,
            f"m1 = beta1*m + (1 - beta1)*{h}",
            f"v1 = max(beta2*v, abs({h}) + eps)  # running maximum",
            "w1 = w - eta/(1 - beta1**t)*m1/v1",
        ]
    )


adamax = Entry(
    id="adamax",
    title="Adamax: Adam with a running maximum",
    kind="update",
    parameters={"weight_decay": False, "maximize": False},
    variants=({"weight_decay": True}, {"maximize": True}, {"weight_decay": True, "maximize": True}),
    given=lambda weight_decay, maximize: _given(0.002, LAM.format(0.01) if weight_decay else "").replace(
        "running mean of squared gradients", "running maximum of sizes of gradients"
    ),
    define=_adamax_define,
    state={"w": "w1", "m": "m1", "v": "v1"},
    proof=lambda weight_decay, maximize: (
        *corrections(h := used(weight_decay, maximize), second=False),
        Statement(
            f"abs({h}[i]) <= v1[i] for i in d",
            certificate=f"eps + max(beta2*v[i] - (abs({h}[i]) + eps), 0)",
            title="The divisor is at least the size of the gradient",
        ),
        Statement(
            f"max(beta2*(c*v[i]), abs(c*{h}[i]) + c*eps) = c*v1[i] for i in d",
            title="Gradients and ε c times as large make it c times as large",
        ),
        *penalty(weight_decay, maximize),
    ),
    torch=lambda torch, w, eta, beta1, beta2, eps, lam=0.0, maximize=False: stepping(
        torch.optim.Adamax(
            [w], lr=eta, betas=(beta1, beta2), eps=eps, weight_decay=lam, maximize=maximize, foreach=False
        )
    ),
    conventions=(MAXIMIZE, "ε is added to the size of the gradient, inside the maximum, as in PyTorch."),
    pitfalls=("The maximum needs no bias correction: only m is corrected.",),
    references=(f"{KINGMA}, section 7.1", "torch.optim.Adamax"),
    uses=("adam",),
)
