"""Losses that compare: one pair against all others, a chosen answer against a rejected one."""

from ..conventions import BATCH, LAYOUT, reduced
from ..entry import Entry


def _nce_define(symmetric: bool) -> str:
    lines = [
        "S = Q @ K.T/tau  # similarities",
        "P[i, j] = exp(S[i, j]) / sum(exp(S[i, k]) for k in n)  # over the keys",
    ]
    if not symmetric:
        return "\n".join([*lines, "L = -sum(log(P[i, i]) for i in n)/n"])
    lines.append("R[i, j] = exp(S[i, j]) / sum(exp(S[k, j]) for k in n)  # over the queries")
    return "\n".join([*lines, "L = -sum(log(P[i, i]) + log(R[i, i]) for i in n)/(2*n)"])


def _nce_claim(symmetric: bool) -> dict[str, str]:
    similarity = "(P[i, j] + R[i, j] - 2*delta(i, j))/(2*n)" if symmetric else "(P[i, j] - delta(i, j))/n"
    return {
        "dL/dS": f"i, j: {similarity}",
        "dL/dQ": "dS @ K/tau",
        "dL/dK": "dS.T @ Q/tau",
        "dL/dtau": "-sum(dS*S)/tau",
    }


def _nce(torch, Q, K, tau, symmetric=False):  # type: ignore[no-untyped-def]
    similarity, own = Q @ K.T / tau, torch.arange(len(Q), device=Q.device)
    cross_entropy = torch.nn.functional.cross_entropy
    if symmetric:
        return (cross_entropy(similarity, own) + cross_entropy(similarity.T, own)) / 2
    return cross_entropy(similarity, own)


info_nce = Entry(
    id="info-nce",
    title="InfoNCE: each query against all keys of the batch",
    names=("contrastive loss",),
    parameters={"symmetric": False},
    variants=({"symmetric": True},),
    given="""
        Q: n D                # embedded queries
        K: n D                # embedded keys; key i belongs to query i
        tau: positive = 0.07  # temperature τ
    """,
    define=_nce_define,
    wanted=("dL/dS", "dL/dQ", "dL/dK", "dL/dtau"),
    claim=_nce_claim,
    torch=_nce,
    conventions=(
        LAYOUT,
        BATCH,
        "L is the mean over the queries: softmax cross-entropy in which the label of row i is i. symmetric=yes is the "
        "mean of this loss over rows and over columns, as in CLIP.",
        "Q and K enter as they are; where they are normalised to length 1, that is a layer in front.",
    ),
    pitfalls=(
        "Two equal keys in a batch, or two of one class, are treated as negatives of each other.",
        "With the batch of one the loss and all gradients are 0: the size of the batch is part of the task.",
        "The gradients grow as 1/τ; a learned τ needs a lower bound, and is usually learned as its logarithm.",
    ),
    references=(
        "van den Oord, Li and Vinyals, Representation learning with contrastive predictive coding, 2018, eq. 4",
        "Radford et al., Learning transferable visual models from natural language supervision, ICML 2021",
    ),
    uses=("softmax-ce-labels",),
)


def _dpo(torch, a, b, a0, b0, beta, eps=0.0, reduction="mean"):  # type: ignore[no-untyped-def]
    h = beta * ((a - b) - (a0 - b0))
    losses = -(1 - eps) * torch.nn.functional.logsigmoid(h) - eps * torch.nn.functional.logsigmoid(-h)
    return losses.mean() if reduction == "mean" else losses.sum()


def _dpo_define(smoothing: bool, reduction: str) -> str:
    loss = "(1 - eps)*log(sigmoid(h)) + eps*log(sigmoid(-h))" if smoothing else "log(sigmoid(h))"
    return f"""
        h = beta*((a - a0) - (b - b0))  # margin of the implicit rewards
        L = -sum({loss}){"/n" if reduction == "mean" else ""}
    """


def _dpo_claim(smoothing: bool, reduction: str) -> dict[str, str]:
    slope = "(eps*sigmoid(h) - (1 - eps)*sigmoid(-h))" if smoothing else "-sigmoid(-h)"
    return {"dL/dh": slope + ("/n" if reduction == "mean" else ""), "dL/da": "beta*dh", "dL/db": "-beta*dh"}


dpo = Entry(
    id="dpo",
    title="Direct preference optimisation",
    parameters={"smoothing": False, "reduction": ("mean", "sum")},
    variants=({"smoothing": True}, {"reduction": "sum"}),
    given=lambda smoothing, reduction: (
        f"""
        a: n                  # log-probabilities of the chosen answers
        b: n                  # log-probabilities of the rejected answers
        a0: n                 # those of the chosen ones under the reference model
        b0: n                 # those of the rejected ones under the reference model
        beta: positive = 0.1  # how strongly the policy is held to the reference
        {"eps: nonnegative = 0.1  # probability that a preference is the wrong way round" if smoothing else ""}
    """
    ),
    define=_dpo_define,
    wanted=("dL/dh", "dL/da", "dL/db"),
    claim=_dpo_claim,
    torch=_dpo,
    conventions=(
        LAYOUT,
        reduced("the n pairs").replace("as PyTorch's default", "as is usual"),
        "The log-probability of an answer is the sum over its tokens. The reference model is fixed: a₀ and b₀ have no "
        "gradient. smoothing=yes is the conservative form for noisy preferences.",
    ),
    pitfalls=(
        "Only the difference counts: the loss also falls when both answers become less probable.",
        "Means over tokens instead of sums change what is optimised: short and long answers are then weighted alike.",
        "The weight σ(−h) is that of the pairs that are ranked wrongly; in a pair that is ranked well it vanishes.",
    ),
    references=("Rafailov et al., Direct preference optimization, NeurIPS 2023, eq. 7 and appendix A.4",),
    uses=("soft-margin", "sigmoid"),
)
