"""Masked attention by hand, right and wrong, and wrong claims about the variants of the entries."""

import numpy as np

#: id, options, wanted, wrong claim, class of the error. All are refuted.
WRONG_MASKS: list[tuple[str, dict[str, object], str, str, str]] = [
    (
        "attention",
        {"mask": "given"},
        "dL/dV",
        "j, s: sum(exp(S[i, j])/sum(exp(S[i, k]) for k in m)*dO[i, s] for i in n)",
        "mask forgotten",
    ),
    (
        "attention",
        {"mask": "given"},
        "dL/dV",
        "j, s: sum(M[i, j]*exp(S[i, j])/sum(exp(S[i, k]) for k in m)*dO[i, s] for i in n)",
        "mask after the softmax",
    ),
    (
        "attention",
        {"mask": "given"},
        "dL/dV",
        "j, s: sum(exp(S[i, j])/sum(M[i, k]*exp(S[i, k]) for k in m)*dO[i, s] for i in n)",
        "mask in the sum only",
    ),
    (
        "attention",
        {"mask": "given"},
        "dL/dQ",
        "i, e: sum(P[i, j]*(dP[i, j] - sum(dP[i, k]*exp(S[i, k])/sum(exp(S[i, l]) for l in m) for k in m))*K[j, e]"
        " for j in m)/sqrt(d)",
        "mask forgotten in the mean",
    ),
    ("attention", {"mask": "given"}, "dL/dQ", "(M*(dP - P*dP)) @ K/sqrt(d)", "wrong row term"),
    ("attention", {"mask": "given"}, "dL/dK", "dS.T @ Q", "scale missing"),
    ("attention", {"mask": "given", "scale": True}, "dL/dK", "dS.T @ Q", "scale missing"),
    ("attention", {"mask": "given", "scale": True}, "dL/dQ", "dS @ K/sqrt(d)", "wrong scale"),
    ("attention", {"scale": True}, "dL/dV", "s*(P.T @ dO)", "scale in dV"),
    (
        "attention",
        {"mask": "causal"},
        "dL/dV",
        "j, s: sum(P[i, j]*dO[i, s] for i in n if j < i)",
        "off by one",
    ),
    (
        "attention",
        {"mask": "causal"},
        "dL/dV",
        "j, s: sum(exp(S[i, j])/sum(exp(S[i, k]) for k in m if k <= i)*dO[i, s] for i in n)",
        "mask forgotten",
    ),
    (
        "attention",
        {"mask": "causal"},
        "dL/dV",
        "j, s: sum(exp(S[i, j])*dO[i, s]/sum(exp(S[i, k]) for k in m if k >= i) for i in n if j >= i)",
        "mask transposed",
    ),
    (
        "multi-head-attention",
        {"causal": True},
        "dL/dWo",
        "a, e, k: sum(P[a, i, j]*V[a, j, e]*dY[i, k] for i in n for j in n if j < i)",
        "off by one",
    ),
]


def weights(S, M):
    S = np.where(M > 0, S, -np.inf)
    E = np.exp(S - S.max(axis=-1, keepdims=True))
    return E / E.sum(axis=-1, keepdims=True)


def forward(Q, K, V, M):
    P = weights(Q @ K.T / np.sqrt(Q.shape[1]), M)
    return P @ V, (Q, K, V, M, P)


def right(dO, cache):
    Q, K, V, _, P = cache
    dP = dO @ V.T
    dS = P * (dP - (P * dP).sum(axis=-1, keepdims=True)) / np.sqrt(Q.shape[1])
    return dS @ K, dS.T @ Q, P.T @ dO


def without_mask(dO, cache):
    """The weights are computed again, and the mask is not there."""
    Q, K, V, M, P = cache
    P = weights(Q @ K.T / np.sqrt(Q.shape[1]), np.ones_like(M))
    dP = dO @ V.T
    dS = P * (dP - (P * dP).sum(axis=-1, keepdims=True)) / np.sqrt(Q.shape[1])
    return dS @ K, dS.T @ Q, P.T @ dO
