"""Learning rate schedules: one step of each, and its closed form."""

from __future__ import annotations

from ..entry import Entry, Statement
from .counterparts import scheduled

RATE = "lr: positive = 0.1  # learning rate\n"

step_decay = Entry(
    id="step-decay",
    title="Step decay of the learning rate",
    kind="update",
    given=RATE
    + "n: nonnegative = 0  # steps since the last fall\n"
    + "s: positive = 10  # steps from fall to fall\n"
    + "gamma: positive = 0.5  # factor of each fall\n"
    + "lr0: positive  # learning rate at the start\nk: nonnegative  # number of falls\n",
    define="""
        lr1 = where(n + 1 < s, lr, gamma*lr)
        n1 = where(n + 1 < s, n + 1, 0)
        fallen = gamma*lr
    """,
    state={"lr": "lr1", "n": "n1"},
    proof=(
        Statement(
            "lr = lr0*gamma**k",
            certificate="gamma*before",
            induction=("k", {"lr": ("lr0", "fallen")}),
            title="After k falls",
        ),
        Statement(
            "lr1 = lr*(1 - (1 - gamma)*(1 - indicator(s - n - 1)))",
            title="The rate changes in the last of s steps only",
        ),
        Statement("log(lr0*gamma**k) = log(lr0) + k*log(gamma)", title="On a logarithmic scale the falls are equal"),
    ),
    torch=lambda torch, lr, s, gamma: scheduled(
        torch, lr, lambda o: torch.optim.lr_scheduler.StepLR(o, step_size=int(s), gamma=gamma)
    ),
    conventions=("In terms of the step t the rate is lr₀ γ^⌊t/s⌋; n is t modulo s.",),
    pitfalls=("Called once per batch instead of once per epoch, the rate falls long before it should.",),
    references=("torch.optim.lr_scheduler.StepLR",),
    uses=("sgd",),
)

exponential_decay = Entry(
    id="exponential-decay",
    title="Exponential decay of the learning rate",
    kind="update",
    given=RATE
    + "gamma: positive = 0.95  # factor of each step\n"
    + "lr0: positive  # learning rate at the start\nk: nonnegative  # number of steps\n",
    define="lr1 = gamma*lr",
    state={"lr": "lr1"},
    proof=(
        Statement(
            "lr = lr0*gamma**k",
            certificate="gamma*before",
            induction=("k", {"lr": ("lr0", "lr1")}),
            title="After k steps",
        ),
        Statement("lr0*gamma**k = lr0*exp(k*log(gamma))", title="the exponential that it is named after"),
    ),
    torch=lambda torch, lr, gamma: scheduled(
        torch, lr, lambda o: torch.optim.lr_scheduler.ExponentialLR(o, gamma=gamma)
    ),
    conventions=("The rate halves every log 2 / (−log γ) steps.",),
    pitfalls=("With γ = 0.9 per step the rate is a millionth after 131 steps.",),
    references=("torch.optim.lr_scheduler.ExponentialLR",),
    uses=("sgd",),
)

cosine_annealing = Entry(
    id="cosine-annealing",
    title="Cosine annealing of the learning rate",
    kind="update",
    given=RATE
    + "t: nonnegative = 0  # steps so far\n"
    + "T: positive = 120  # steps until the lowest rate\n"
    + "low: nonnegative = 0.001  # lowest rate\n"
    + "lr0: positive  # learning rate at the start\nk: nonnegative  # number of steps\n"
    + "y: real  # half the steps\nz: real  # all steps\n",
    assume={"falls": "low <= lr0  # the rate falls", "half": "y = T/2", "whole": "z = T"},
    define="""
        a = cos(pi*t/T)
        b = cos(pi*(t + 1)/T)
        lr1 = low + (lr - low)*(1 + b)/(1 + a)
    """,
    state={"lr": "lr1"},
    start={"t": 0},
    proof=(
        Statement(
            "lr - low = (lr0 - low)*(1 + cos(pi*k/T))/2",
            certificate="before*(1 + cos(pi*(k + 1)/T))/(1 + cos(pi*k/T))",
            induction=("k", {"lr": ("lr0", "low + (lr - low)*(1 + cos(pi*(k + 1)/T))/(1 + cos(pi*k/T))")}),
            title="The recursive form is half a wave of the cosine",
        ),
        Statement(
            "low <= low + (lr0 - low)*(1 + cos(pi*k/T))/2",
            certificate="falls*(1 + cos(pi*k/T))/2",
            title="It never falls below the lowest rate",
        ),
        Statement(
            "low + (lr0 - low)*(1 + cos(pi*k/T))/2 <= lr0",
            certificate="falls*(1 - cos(pi*k/T))/2",
            title="or rises above the first",
        ),
        Statement(
            "low + (lr0 - low)*(1 + cos(pi*y/T))/2 = (lr0 + low)/2", title="It is in the middle at half the time"
        ),
        Statement("low + (lr0 - low)*(1 + cos(pi*z/T))/2 = low", title="and ends at the lowest rate"),
    ),
    torch=lambda torch, lr, T, low: scheduled(
        torch, lr, lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, T_max=int(T), eta_min=low)
    ),
    conventions=("The rule holds for the steps up to T. PyTorch goes on beyond T, upwards again; this does not.",),
    pitfalls=("The quotient amplifies rounding near t = T, where 1 + cos is tiny: there the closed form is better.",),
    references=("Loshchilov and Hutter, SGDR, ICLR 2017, eq. 5", "torch.optim.lr_scheduler.CosineAnnealingLR"),
    uses=("sgd",),
)
