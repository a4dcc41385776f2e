"""Step sizes by entry: AdaGrad, RMSprop, Adadelta."""

from __future__ import annotations

from ..entry import Entry, Statement
from .counterparts import stepping
from .descent import ETA, LAM, MAXIMIZE, G, M, T, W, direction, penalty, used

SCALE = "c: positive  # a factor of all gradients\n"


def _lines(*lines: str) -> str:
    return "\n".join(line for line in lines if line)


def _adagrad_define(weight_decay: bool, maximize: bool, lr_decay: bool, initial_accumulator_value: bool) -> str:
    lines, h = direction(weight_decay, maximize)
    rate = "eta/(1 + (t - 1)*gamma)" if lr_decay else "eta"
    return _lines(
        *lines,
        f"s1 = s + {h}**2",
        f"w1 = w - {rate}*{h}/(sqrt(s1) + eps)",
        "r1 = r + g**2",
        f"s2 = c**2*s + (c*{h})**2  # the sum where all gradients are c times as large",
    )


adagrad = Entry(
    id="adagrad",
    title="AdaGrad: each entry divided by the root of its summed squares",
    kind="update",
    parameters={"weight_decay": False, "maximize": False, "lr_decay": False, "initial_accumulator_value": False},
    variants=(
        {"weight_decay": True},
        {"maximize": True},
        {"lr_decay": True},
        {"initial_accumulator_value": True},
        {"weight_decay": True, "maximize": True, "lr_decay": True, "initial_accumulator_value": True},
    ),
    given=lambda weight_decay, maximize, lr_decay, initial_accumulator_value: (
        W
        + G
        + "s: d nonnegative  # sum of squared gradients\n"
        + (T if lr_decay else "")
        + ETA.format(0.01)
        + (LAM.format(0.01) if weight_decay else "")
        + ("gamma: nonnegative = 0.01  # decay of the learning rate\n" if lr_decay else "")
        + ("tau: nonnegative = 0.1  # where the sum starts\n" if initial_accumulator_value else "")
        + "eps: nonnegative = 1e-10  # against division by zero\n"
        + SCALE
        + "r: d nonnegative  # sum after k steps\nk: nonnegative  # number of steps\n"
    ),
    define=_adagrad_define,
    state={"w": "w1", "s": "s1"},
    start=lambda initial_accumulator_value, **_: {"s": "tau"} if initial_accumulator_value else {},
    proof=lambda weight_decay, maximize, **_: (
        Statement(
            f"c*{(h := used(weight_decay, maximize))}[i]/sqrt(s2[i]) = {h}[i]/sqrt(s1[i]) for i in d",
            title="With ε = 0 a factor of all gradients changes nothing",
        ),
        Statement(
            "r[i] = k*g[i]**2 for i in d",
            certificate="before",
            induction=("k", {"r": ("0", "r1")}),
            name="total",
            title="With a constant gradient the sum grows linearly",
        ),
        Statement(
            "(eta*g[i])**2/r[i] = eta**2/k for i in d",
            certificate="-eta**2*total[i]/(r[i]*k)",
            title="so the step falls as η/√k",
        ),
        *penalty(weight_decay, maximize),
    ),
    torch=lambda torch, w, eta, eps, lam=0.0, gamma=0.0, tau=0.0, maximize=False: stepping(
        torch.optim.Adagrad(
            [w],
            lr=eta,
            lr_decay=gamma,
            weight_decay=lam,
            initial_accumulator_value=tau,
            eps=eps,
            maximize=maximize,
            foreach=False,
        )
    ),
    conventions=(MAXIMIZE,),
    pitfalls=("The sum only grows, so the step only shrinks: in long training the rule stops by itself.",),
    references=("Duchi, Hazan and Singer, Adaptive subgradient methods, JMLR 12, 2011", "torch.optim.Adagrad"),
    uses=("sgd",),
)


def _rmsprop_define(weight_decay: bool, maximize: bool, centered: bool, momentum: bool) -> str:
    lines, h = direction(weight_decay, maximize)
    spread = "v1 - a1**2" if centered else "v1"
    change = f"{h}/(sqrt({spread}) + eps)"
    return _lines(
        *lines,
        f"v1 = alpha*v + (1 - alpha)*{h}**2",
        f"a1 = alpha*a + (1 - alpha)*{h}" if centered else "",
        f"m1 = mu*m + {change}" if momentum else "",
        f"w1 = w - eta*{'m1' if momentum else change}",
        f"v2 = alpha*(c**2*v) + (1 - alpha)*(c*{h})**2  # where all gradients are c times as large",
        "z1 = alpha*z + (1 - alpha)*g**2",
    )


def _rmsprop_proof(weight_decay: bool, maximize: bool, centered: bool, momentum: bool) -> tuple[Statement, ...]:
    _, h = direction(weight_decay, maximize)
    variance = Statement(
        f"v1[i] - a1[i]**2 = alpha*(v[i] - a[i]**2) + alpha*(1 - alpha)*({h}[i] - a[i])**2 for i in d",
        title="Centred: the spread is an average of squared deviations, so it stays non-negative",
    )
    return (
        Statement(
            f"c*{h}[i]/sqrt(v2[i]) = {h}[i]/sqrt(v1[i]) for i in d",
            title="With ε = 0 a factor of all gradients changes nothing",
        ),
        Statement(
            "z[i] = (1 - alpha**k)*g[i]**2 for i in d",
            certificate="alpha*before",
            induction=("k", {"z": ("0", "z1")}),
            title="With a constant gradient the average starts too small: by 1 − αᵏ",
        ),
        *([variance] if centered else []),
        *penalty(weight_decay, maximize),
    )


rmsprop = Entry(
    id="rmsprop",
    title="RMSprop: each entry divided by a running root mean square",
    kind="update",
    parameters={"weight_decay": False, "maximize": False, "centered": False, "momentum": False},
    variants=(
        {"weight_decay": True},
        {"maximize": True},
        {"centered": True},
        {"momentum": True},
        {"centered": True, "momentum": True, "weight_decay": True, "maximize": True},
    ),
    given=lambda weight_decay, maximize, centered, momentum: (
        W
        + G
        + "v: d nonnegative  # running mean of squared gradients\n"
        + ("a: d  # running mean of gradients\n" if centered else "")
        + (M if momentum else "")
        + ETA.format(0.01)
        + "alpha: positive = 0.99  # smoothing\n"
        + ("mu: positive = 0.9  # momentum\n" if momentum else "")
        + (LAM.format(0.01) if weight_decay else "")
        + "eps: nonnegative = 1e-8  # against division by zero\n"
        + SCALE
        + "z: d nonnegative  # running mean after k steps\nk: nonnegative  # number of steps\n"
    ),
    define=_rmsprop_define,
    state=lambda centered, momentum, **_: (
        {"w": "w1", "v": "v1"} | ({"a": "a1"} if centered else {}) | ({"m": "m1"} if momentum else {})
    ),
    proof=_rmsprop_proof,
    torch=lambda torch, w, eta, alpha, eps, mu=0.0, lam=0.0, centered=False, maximize=False: stepping(
        torch.optim.RMSprop(
            [w],
            lr=eta,
            alpha=alpha,
            eps=eps,
            weight_decay=lam,
            momentum=mu,
            centered=centered,
            maximize=maximize,
            foreach=False,
        )
    ),
    conventions=(MAXIMIZE, "ε stands outside the root, as in PyTorch; TensorFlow 1 had it inside."),
    pitfalls=(
        "The average starts at 0 and is not corrected: the first step is 1/√(1 − α) = 10 times too long.",
        "Centred, v − a² can round to a negative number where the gradient hardly changes.",
    ),
    references=("Tieleman and Hinton, Lecture 6.5, 2012", "torch.optim.RMSprop"),
    uses=("adagrad",),
)


def _adadelta_define(weight_decay: bool, maximize: bool) -> str:
    lines, h = direction(weight_decay, maximize)
    return _lines(
        *lines,
        f"v1 = rho*v + (1 - rho)*{h}**2",
        f"D = sqrt(a + eps)/sqrt(v1 + eps)*{h}  # the change",
        "a1 = rho*a + (1 - rho)*D**2",
        "w1 = w - eta*D",
        f"v2 = rho*(c**2*v) + (1 - rho)*(c*{h})**2  # where all gradients are c times as large",
    )


adadelta = Entry(
    id="adadelta",
    title="Adadelta: steps in the units of the parameters",
    kind="update",
    parameters={"weight_decay": False, "maximize": False},
    variants=({"weight_decay": True}, {"maximize": True}, {"weight_decay": True, "maximize": True}),
    given=lambda weight_decay, maximize: (
        W
        + G
        + "v: d nonnegative  # running mean of squared gradients\n"
        + "a: d nonnegative  # running mean of squared changes\n"
        + ETA.format("1.0")
        + "rho: positive = 0.9  # smoothing\n"
        + (LAM.format(0.01) if weight_decay else "")
        + "eps: nonnegative = 1e-6  # lets the first change be other than 0\n"
        + SCALE
    ),
    define=_adadelta_define,
    state={"w": "w1", "v": "v1", "a": "a1"},
    proof=lambda weight_decay, maximize: (
        Statement(
            f"sqrt(a[i])/sqrt(v2[i])*(c*{(h := used(weight_decay, maximize))}[i])"
            f" = sqrt(a[i])/sqrt(v1[i])*{h}[i] for i in d",
            title="With ε = 0 a factor of all gradients changes nothing",
        ),
        Statement(
            f"D[i]**2*(v1[i] + eps) = (a[i] + eps)*{h}[i]**2 for i in d",
            title="The units of the gradient cancel: a change is as large as the changes before it",
        ),
        *penalty(weight_decay, maximize),
    ),
    torch=lambda torch, w, eta, rho, eps, lam=0.0, maximize=False: stepping(
        torch.optim.Adadelta([w], lr=eta, rho=rho, eps=eps, weight_decay=lam, maximize=maximize, foreach=False)
    ),
    conventions=(MAXIMIZE, "ε stands inside both roots, unlike in RMSprop and Adam."),
    pitfalls=("With ε = 0 the first change is 0, and so are all others.",),
    references=("Zeiler, ADADELTA: an adaptive learning rate method, 2012", "torch.optim.Adadelta"),
    uses=("rmsprop",),
)
