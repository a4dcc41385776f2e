"""Recurrent cells, run for any number of steps, and backpropagation through time."""

from collections.abc import Mapping, Sequence

from ..conventions import LAYOUT
from ..entry import Entry
from ..regimes import saturated

THROUGH_TIME = (
    "The weights are shared by all steps, so their gradient is the sum of what each step contributes.",
    "The adjoint of a state has two sources: the step after it, and the loss where the state is read.",
)
TRUNCATED = "Detaching the state between chunks cuts the chain: the gradient then knows nothing of earlier chunks."
CONVENTIONS = (
    LAYOUT,
    "Time stands as separate arrays X1, X2, …: steps=T writes the program for T steps; steps=1 is the cell.",
    "L is any scalar; only its gradient dY in the last hidden state is used.",
)
GOODFELLOW = "Goodfellow, Bengio and Courville, Deep Learning, 2016, section"


def _given(steps: int, gates: Sequence[str], states: Mapping[str, str], extra: str = "") -> str:
    lines = [f"X{t}: n D  # input of step {t}" for t in range(1, steps + 1)]
    lines += [f"{name}: n H  # {meaning}" for name, meaning in states.items()]
    for gate in gates:
        lines += [
            f"W{gate}: D H  # weights of the input{_of(gate)}",
            f"U{gate}: H H  # weights of the state{_of(gate)}",
            f"b{gate}: H    # bias{_of(gate)}",
        ]
    return "\n".join([*lines, *filter(None, [extra]), "dY: n H  # upstream gradient, of the last hidden state"])


NAMES = {"": "", "i": "input gate", "f": "forget gate", "g": "candidate", "o": "output gate"}
NAMES |= {"r": "reset gate", "z": "update gate", "c": "candidate"}


def _of(gate: str) -> str:
    return f", {NAMES[gate]}" if gate else ""


def _wanted(steps: int, gates: Sequence[str], states: Sequence[str], extra: Sequence[str] = ()) -> tuple[str, ...]:
    weights = [f"dL/d{letter}{gate}" for gate in gates for letter in "WUb"]
    return (*weights, *(f"dL/d{n}" for n in extra), *(f"dL/dX{t}" for t in range(1, steps + 1)), *states)


# -- the plain recurrent network -------------------------------------------------------------------------------------


def _rnn_define(steps: int) -> str:
    lines = []
    for t in range(1, steps + 1):
        lines += [f"Z{t} = X{t} @ W + H{t - 1} @ U + b", f"H{t} = tanh(Z{t})"]
    return "\n".join([*lines, f"L = upstream(dY, H{steps})"])


def _rnn(torch, H0, W, U, b, dY, **inputs):  # type: ignore[no-untyped-def]
    h = H0
    for t in range(1, len(inputs) + 1):
        h = torch._VF.rnn_tanh_cell(inputs[f"X{t}"], h, W.T, U.T, b, torch.zeros_like(b))
    return (h * dY).sum()


rnn = Entry(
    id="rnn",
    title="Recurrent network with tanh, through any number of steps",
    given=lambda steps: _given(steps, ("",), {"H0": "state before the first step"}),
    define=_rnn_define,
    wanted=lambda steps: _wanted(steps, ("",), ("dL/dH0",)),
    torch=_rnn,
    parameters={"steps": 3},
    variants=({"steps": 1}, {"steps": 4}),
    regimes=saturated("b"),
    conventions=CONVENTIONS,
    pitfalls=(
        *THROUGH_TIME,
        "dH0 holds a product of one factor diag(1 − H²) Uᵀ for each step: it vanishes or explodes with their number.",
        TRUNCATED,
    ),
    references=(
        f"{GOODFELLOW}s 10.2.2 and 10.7",
        "Werbos, Backpropagation through time: what it does and how to do it, Proceedings of the IEEE 78, 1990",
    ),
    uses=("dense", "tanh"),
)

# -- GRU -------------------------------------------------------------------------------------------------------------


def _gru_define(steps: int) -> str:
    lines = []
    for t in range(1, steps + 1):
        lines += [
            f"Er{t} = X{t} @ Wr + H{t - 1} @ Ur + br",
            f"R{t} = sigmoid(Er{t})       # reset",
            f"Ez{t} = X{t} @ Wz + H{t - 1} @ Uz + bz",
            f"Z{t} = sigmoid(Ez{t})       # update",
            f"V{t} = H{t - 1} @ Uc + a    # the state's part of the candidate",
            f"Ec{t} = X{t} @ Wc + bc + R{t}*V{t}",
            f"C{t} = tanh(Ec{t})          # candidate",
            f"H{t} = (1 - Z{t})*C{t} + Z{t}*H{t - 1}",
        ]
    return "\n".join([*lines, f"L = upstream(dY, H{steps})"])


def _gru(torch, H0, a, dY, **arrays):  # type: ignore[no-untyped-def]
    stack = lambda letter: torch.cat([arrays[f"{letter}{gate}"].T for gate in "rzc"])  # noqa: E731
    weights, recurrent, bias = stack("W"), stack("U"), torch.cat([arrays[f"b{gate}"] for gate in "rzc"])
    inside = torch.cat([torch.zeros_like(a), torch.zeros_like(a), a])
    h, t = H0, 1
    while f"X{t}" in arrays:
        h, t = torch._VF.gru_cell(arrays[f"X{t}"], h, weights, recurrent, bias, inside), t + 1
    return (h * dY).sum()


gru = Entry(
    id="gru",
    title="Gated recurrent unit, through any number of steps",
    given=lambda steps: _given(
        steps, "rzc", {"H0": "state before the first step"}, "a: H    # bias of the state's part of the candidate"
    ),
    define=_gru_define,
    wanted=lambda steps: _wanted(steps, "rzc", ("dL/dH0",), "a"),
    torch=_gru,
    parameters={"steps": 2},
    variants=({"steps": 1}, {"steps": 3}),
    regimes=saturated("br", "bz", "bc"),
    conventions=CONVENTIONS,
    pitfalls=(
        "PyTorch resets after the matrix product, R ⊙ (H U + a), the paper before it, (R ⊙ H) U: other gradients.",
        "Here Z near 1 keeps the old state, as in PyTorch; the paper writes the roles of Z and 1 − Z both ways.",
        *THROUGH_TIME,
    ),
    references=(
        "Cho et al., Learning phrase representations using RNN encoder-decoder for statistical machine translation, "
        "2014, section 2.3",
    ),
    uses=("rnn", "sigmoid", "tanh"),
)

# -- LSTM ------------------------------------------------------------------------------------------------------------


def _lstm_define(steps: int) -> str:
    lines = []
    for t in range(1, steps + 1):
        for gate, name, function in (
            ("i", "I", "sigmoid"),
            ("f", "F", "sigmoid"),
            ("g", "G", "tanh"),
            ("o", "O", "sigmoid"),
        ):
            lines += [
                f"E{gate}{t} = X{t} @ W{gate} + H{t - 1} @ U{gate} + b{gate}",
                f"{name}{t} = {function}(E{gate}{t})  # {NAMES[gate]}",
            ]
        lines += [
            f"C{t} = F{t}*C{t - 1} + I{t}*G{t}",
            f"H{t} = O{t}*tanh(C{t})",
        ]
    return "\n".join([*lines, f"L = upstream(dY, H{steps})"])


def _lstm(torch, H0, C0, dY, **arrays):  # type: ignore[no-untyped-def]
    stack = lambda letter: torch.cat([arrays[f"{letter}{gate}"].T for gate in "ifgo"])  # noqa: E731
    weights, recurrent, bias = stack("W"), stack("U"), torch.cat([arrays[f"b{gate}"] for gate in "ifgo"])
    state, t = (H0, C0), 1
    while f"X{t}" in arrays:
        state = torch._VF.lstm_cell(arrays[f"X{t}"], state, weights, recurrent, bias, torch.zeros_like(bias))
        t += 1
    return (state[0] * dY).sum()


lstm = Entry(
    id="lstm",
    title="Long short-term memory, through any number of steps",
    given=lambda steps: _given(
        steps, "ifgo", {"H0": "hidden state before the first step", "C0": "cell state before the first step"}
    ),
    define=_lstm_define,
    wanted=lambda steps: _wanted(steps, "ifgo", ("dL/dH0", "dL/dC0")),
    torch=_lstm,
    parameters={"steps": 2},
    variants=({"steps": 1}, {"steps": 3}),
    regimes=saturated("bi", "bf", "bg", "bo"),
    conventions=CONVENTIONS,
    pitfalls=(
        "The cell state passes on through F ⊙ dC alone, without a matrix: that is the path on which gradients survive.",
        "PyTorch stacks the gates in the order i, f, g, o; Keras i, f, c, o; cuDNN has its own.",
        "The last step's forget gate learns from C of the step before: with C0 = 0 and one step its gradient is 0.",
        *THROUGH_TIME,
    ),
    references=(
        "Hochreiter and Schmidhuber, Long short-term memory, Neural Computation 9, 1997",
        "Gers, Schmidhuber and Cummins, Learning to forget: continual prediction with LSTM, 2000",
        f"{GOODFELLOW} 10.10.1",
    ),
    uses=("rnn", "sigmoid", "tanh"),
)
