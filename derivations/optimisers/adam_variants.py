"""NAdam, RAdam and LAMB."""

from __future__ import annotations

from typing import Any

from ..entry import Entry, Statement
from .adam import BETAS, EPS, MOMENTS, STEPS, _decayed, _given, _moments, corrections
from .counterparts import stepping
from .descent import ETA, LAM, MAXIMIZE, G, T, W, penalty

OPTIONS = {"weight_decay": False, "decoupled_weight_decay": False, "maximize": False}
VARIANTS = (
    {"weight_decay": True},
    {"weight_decay": True, "decoupled_weight_decay": True},
    {"maximize": True},
    {"weight_decay": True, "maximize": True},
)


def _nadam_define(weight_decay: bool, decoupled_weight_decay: bool, maximize: bool) -> str:
    lines, h, start = _decayed(weight_decay, maximize, decoupled_weight_decay)
    return "\n".join(
        [
            *lines,
            *_moments(h),
            "v_hat = v1/(1 - beta2**t)",
            "mu = beta1*(1 - 0.96**(t*psi)/2)  # momentum of this step",
            "mu1 = beta1*(1 - 0.96**((t + 1)*psi)/2)  # and of the next",
            "p1 = p*mu",
            f"n = mu1/(1 - p1*mu1)*m1 + (1 - mu)/(1 - p1)*{h}  # looks one step ahead",
            f"w1 = {start} - eta*n/(sqrt(v_hat) + eps)",
        ]
    )


nadam = Entry(
    id="nadam",
    title="NAdam: Adam with Nesterov's momentum",
    kind="update",
    parameters=OPTIONS,
    variants=VARIANTS,
    given=lambda weight_decay, **_: _given(
        0.002,
        "p: positive  # product of the momenta so far\n",
        "psi: positive = 0.004  # decay of the momentum\n",
        LAM.format(0.01) if weight_decay else "",
    ),
    define=_nadam_define,
    state={"w": "w1", "m": "m1", "v": "v1", "p": "p1"},
    start={"p": 1},
    proof=lambda weight_decay, decoupled_weight_decay, maximize: (
        *corrections(_decayed(weight_decay, maximize, decoupled_weight_decay)[1]),
        Statement(
            "p = beta1**k",
            certificate="beta1*before",
            induction=("k", {"p": ("1", "beta1*p")}),
            title="Were the momentum β₁ in every step, the product would be β₁ᵏ",
        ),
        Statement("mu <= beta1", certificate="beta1*0.96**(t*psi)/2", title="It is smaller, and grows towards β₁"),
        *(penalty(True, maximize) if weight_decay and not decoupled_weight_decay else ()),
    ),
    torch=lambda torch, w, eta, beta1, beta2, eps, psi, lam=0.0, decoupled_weight_decay=False, maximize=False: stepping(
        torch.optim.NAdam(
            [w],
            lr=eta,
            betas=(beta1, beta2),
            eps=eps,
            weight_decay=lam,
            momentum_decay=psi,
            decoupled_weight_decay=decoupled_weight_decay,
            maximize=maximize,
            foreach=False,
        )
    ),
    conventions=(MAXIMIZE,),
    pitfalls=(
        "The product of the momenta is state: it is kept with m and v, and saved with them.",
        "PyTorch keeps it in its default dtype, float32, also where the parameters are float64.",
    ),
    references=("Dozat, Incorporating Nesterov momentum into Adam, ICLR workshop 2016", "torch.optim.NAdam"),
    uses=("adam", "nesterov"),
)


def _radam_define(weight_decay: bool, decoupled_weight_decay: bool, maximize: bool) -> str:
    lines, h, start = _decayed(weight_decay, maximize, decoupled_weight_decay)
    return "\n".join(
        [
            *lines,
            *_moments(h),
            "m_hat = m1/(1 - beta1**t)",
            "R = 2/(1 - beta2) - 1  # length of the average, at most",
            "rho = R - 2*t*beta2**t/(1 - beta2**t)  # and in this step",
            "r = where(rho > 5, rho, 5)",
            "l = sqrt((r - 4)*(r - 2)*R/((R - 4)*(R - 2)*r))  # rectification",
            "s = where(rho > 5, l*sqrt(1 - beta2**t)/(sqrt(v1) + eps), 1)",
            f"w1 = {start} - eta*m_hat*s",
        ]
    )


radam = Entry(
    id="radam",
    title="RAdam: Adam that waits until the mean of squares can be trusted",
    kind="update",
    parameters=OPTIONS,
    variants=VARIANTS,
    given=lambda weight_decay, **_: _given(0.001, LAM.format(0.01) if weight_decay else ""),
    define=_radam_define,
    state={"w": "w1", "m": "m1", "v": "v1"},
    proof=lambda weight_decay, decoupled_weight_decay, maximize: (
        *corrections(_decayed(weight_decay, maximize, decoupled_weight_decay)[1]),
        Statement("r >= 5", certificate="max(rho - 5, 0)", title="The root is taken only where ρ > 5"),
        *(penalty(True, maximize) if weight_decay and not decoupled_weight_decay else ()),
    ),
    torch=lambda torch, w, eta, beta1, beta2, eps, lam=0.0, decoupled_weight_decay=False, maximize=False: stepping(
        torch.optim.RAdam(
            [w],
            lr=eta,
            betas=(beta1, beta2),
            eps=eps,
            weight_decay=lam,
            decoupled_weight_decay=decoupled_weight_decay,
            maximize=maximize,
            foreach=False,
        )
    ),
    conventions=(
        MAXIMIZE,
        "While ρ is at most 5 the step is momentum without a divisor, as in PyTorch; the paper says 4.",
    ),
    pitfalls=("With β₂ = 0.999 the first five steps are plain momentum: with large gradients they are long.",),
    references=(
        "Liu and others, On the variance of the adaptive learning rate and beyond, ICLR 2020",
        "torch.optim.RAdam",
    ),
    uses=("adam",),
)


def _lamb_reference(torch: Any, w: Any, eta: float, beta1: float, beta2: float, eps: float, lam: float) -> Any:
    """Algorithm 2 of the paper, line by line, on torch tensors."""
    memory = {"m": torch.zeros_like(w), "v": torch.zeros_like(w), "t": 0, "x": w}

    def step(g: Any) -> Any:
        memory["t"] += 1
        memory["m"] = beta1 * memory["m"] + (1 - beta1) * g
        memory["v"] = beta2 * memory["v"] + (1 - beta2) * g * g
        mean = memory["m"] / (1 - beta1 ** memory["t"])
        square = memory["v"] / (1 - beta2 ** memory["t"])
        update = mean / (square.sqrt() + eps) + lam * memory["x"]
        length, size = torch.linalg.vector_norm(memory["x"]), torch.linalg.vector_norm(update)
        trust = float(length / size) if length > 0 and size > 0 else 1.0
        memory["x"] = memory["x"] - eta * trust * update
        return memory["x"]

    return step


lamb = Entry(
    id="lamb",
    title="LAMB: Adam with a step as long as the parameters of its layer",
    kind="update",
    given=W + G + MOMENTS + T + ETA.format(0.001) + BETAS + EPS.replace("1e-8", "1e-6") + LAM.format(0.01) + STEPS,
    define="""
        m1 = beta1*m + (1 - beta1)*g
        v1 = beta2*v + (1 - beta2)*g**2
        m_hat = m1/(1 - beta1**t)
        v_hat = v1/(1 - beta2**t)
        r = m_hat/(sqrt(v_hat) + eps) + lam*w       # Adam's step with decoupled decay
        a = sqrt(sum(w**2))                         # length of the parameters
        s = sum(r**2)                               # squared length of the step
        b = sqrt(where(s > 0, s, 1))                # its length, or 1 if it is zero
        q = where(a > 0, where(s > 0, a/b, 1), 1)   # trust ratio
        w1 = w - eta*q*r
    """,
    state={"w": "w1", "m": "m1", "v": "v1"},
    proof=(
        *corrections("g"),
        Statement(
            "sum((eta*a/sqrt(sum(r**2))*r)**2) = (eta*a)**2",
            title="With the ratio ‖w‖/‖r‖ the step is η times as long as w, whatever the gradient",
        ),
        Statement(
            "sqrt(sum((c*w)**2)) = c*a",
            title="so a layer with parameters c times as large moves c times as far",
        ),
    ),
    torch=_lamb_reference,
    conventions=(
        "One array is one layer: the lengths are those of the whole array.",
        "The paper's φ is the identity; where a length is 0 the ratio is 1, as in most implementations.",
        "torch.optim has no LAMB: the counterpart is the algorithm of the paper, written in torch.",
    ),
    pitfalls=("Biases and normalisation weights are usually left out of the decay and of the trust ratio.",),
    references=("You and others, Large batch optimization for deep learning: training BERT in 76 minutes, ICLR 2020",),
    uses=("adam", "adamw"),
)
