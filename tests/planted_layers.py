"""Wrong claims about neurons, norms, attention and recurrent networks: id, wanted, wrong claim, class of the error."""

from __future__ import annotations

#: Topics of which every derived entry has planted errors.
LAYER_TOPICS = ("attention", "layers", "networks", "recurrent")

#: One step of a gated cell says all about its gradients, and is quickly judged.
SETTINGS = {"gru": {"steps": 1}, "lstm": {"steps": 1}}

WRONG_LAYERS: list[tuple[str, str, str, str]] = [
    # networks
    ("neuron", "dL/dw", "d: g.prime(z)*x[d]", "upstream gradient left out"),
    ("neuron", "dL/dw", "d: dy*g(z)*x[d]", "function for derivative"),
    ("neuron", "dL/dw", "d: dy*g.prime(y)*x[d]", "activation for pre-activation"),
    ("neuron", "dL/dw", "d: dy*g.prime(z)*w[d]", "arrays swapped"),
    ("neuron", "dL/dw", "d: dy*g.prime(z)*sum(x[d] for d in D)", "captured index"),
    ("neuron", "dL/db", "-dy*g.prime(z)", "sign"),
    ("neuron", "dL/dx", "d: dy*w[d]", "missing factor"),
    ("mlp-mse", "dJ/dW2", "A1.T @ ((T - A2)*A2*(1 - A2))", "sign"),
    ("mlp-mse", "dJ/dW2", "2*(A1.T @ ((A2 - T)*A2*(1 - A2)))", "factor"),
    ("mlp-mse", "dJ/dW2", "A1.T @ (A2 - T)", "missing factor"),
    ("mlp-mse", "dJ/dW2", "Z1.T @ ((A2 - T)*A2*(1 - A2))", "pre-activation for activation"),
    ("mlp-mse", "dJ/db2", "sum((A2 - T)*A2*(1 - A2), axis=0)/n", "normaliser"),
    ("mlp-mse", "dJ/db2", "sum((A2 - T)*Z2*(1 - Z2), axis=0)", "pre-activation for activation"),
    ("mlp-mse", "dJ/db1", "sum(((A2 - T)*A2*(1 - A2)) @ W2.T * A1*(1 + A1), axis=0)", "sign"),
    ("mlp-mse", "dJ/dW1", "X.T @ (((A2 - T)*A2*(1 - A2)) @ W2.T)", "missing factor"),
    ("residual", "dL/dX", "(dY*f.prime(Z)) @ W.T", "skip connection left out"),
    ("residual", "dL/dX", "dY + (dY*f.prime(Z)) @ W", "transposed"),
    ("residual", "dL/dX", "dY + dY @ W.T", "missing factor"),
    ("residual", "dL/dX", "dY - (dY*f.prime(Z)) @ W.T", "sign"),
    ("residual", "dL/dW", "(dY*f.prime(Z)).T @ X", "transposed"),
    ("residual", "dL/dW", "X.T @ (dY*f.prime(Y))", "output for pre-activation"),
    ("residual", "dL/db", "sum(dY + dY*f.prime(Z), axis=0)", "skip connection counted"),
    ("residual", "dY/dX", "i, d, j, e: delta(i, j)*(delta(d, e) + f.prime(Z[i, d])*W[d, e])", "transposed"),
    ("residual", "dY/dX", "i, d, j, e: delta(i, j)*delta(d, e) + f.prime(Z[i, d])*W[e, d]", "missing delta"),
    # norms
    ("layernorm", "dL/dX", "i, d: R[i]*g[d]*dY[i, d]", "detached statistics"),
    (
        "layernorm",
        "dL/dX",
        "i, d: R[i]*(g[d]*dY[i, d] - H[i, d]*sum(g[k]*dY[i, k]*H[i, k] for k in D)/D)",
        "missing term",
    ),
    (
        "layernorm",
        "dL/dX",
        "i, d: R[i]*(g[d]*dY[i, d] - sum(g[k]*dY[i, k] for k in D)/D"
        " + H[i, d]*sum(g[k]*dY[i, k]*H[i, k] for k in D)/D)",
        "sign",
    ),
    (
        "layernorm",
        "dL/dX",
        "i, d: R[i]*(dY[i, d] - sum(dY[i, k] for k in D)/D - H[i, d]*sum(dY[i, k]*H[i, k] for k in D)/D)",
        "gain left out",
    ),
    ("layernorm", "dL/dg", "sum(dY*X, axis=0)", "input for normalised input"),
    ("layernorm", "dL/dg", "mean(dY*H, axis=0)", "normaliser"),
    ("layernorm", "dL/db", "sum(dY*H, axis=0)", "gradient of the gain"),
    (
        "rmsnorm",
        "dL/dX",
        "i, d: R[i]*(g[d]*dY[i, d] - sum(g[k]*dY[i, k] for k in D)/D"
        " - H[i, d]*sum(g[k]*dY[i, k]*H[i, k] for k in D)/D)",
        "term of layernorm",
    ),
    (
        "rmsnorm",
        "dL/dX",
        "i, d: R[i]*(g[d]*dY[i, d] - H[i, d]*sum(g[k]*dY[i, k]*H[i, k] for k in D))",
        "normaliser",
    ),
    (
        "rmsnorm",
        "dL/dX",
        "i, d: R[i]*(g[d]*dY[i, d] - X[i, d]*sum(g[k]*dY[i, k]*X[i, k] for k in D)*R[i]/D)",
        "power",
    ),
    ("rmsnorm", "dL/dg", "sum(dY*X, axis=0)", "input for normalised input"),
    (
        "batchnorm",
        "dL/dX",
        "i, c: R[c]*(g[c]*dY[i, c] - sum(g[k]*dY[i, k] for k in C)/C"
        " - H[i, c]*sum(g[k]*dY[i, k]*H[i, k] for k in C)/C)",
        "mean along the wrong axis",
    ),
    (
        "batchnorm",
        "dL/dX",
        "i, c: r[c]*g[c]*(dY[i, c] - sum(dY[j, c] for j in n)/n - H[i, c]*sum(dY[j, c]*H[j, c] for j in n)/n)",
        "running variance for that of the batch",
    ),
    (
        "batchnorm",
        "dL/dX",
        "i, c: R[c]*g[c]*(dY[i, c] - sum(dY[j, c] for j in n)/n - H[i, c]*sum(dY[i, c]*H[i, c] for j in n)/n)",
        "captured index",
    ),
    ("batchnorm", "dE/dX", "i, c: g[c]*R[c]*dY[i, c]", "variance of the batch for the running one"),
    ("batchnorm", "dE/dg", "c: r[c]*sum(dY[i, c]*X[i, c] for i in n)", "missing term"),
    ("batchnorm", "dE/dg", "sum(dY*H, axis=0)", "training for evaluation"),
    (
        "groupnorm",
        "dL/dX",
        "i, a, k, s: R[i, a]*g[a, k]*(dY[i, a, k, s] - sum(dY[i, a, k, t] for t in S)/S"
        " - H[i, a, k, s]*sum(dY[i, a, k, t]*H[i, a, k, t] for t in S)/S)",
        "mean of a channel for that of the group",
    ),
    ("groupnorm", "dL/dg", "sum(dY*X, axis=(0, 3))", "input for normalised input"),
    ("groupnorm", "dL/dg", "sum(dY*H, axis=(0, 3))/n", "normaliser"),
    ("groupnorm", "dL/db", "-sum(dY, axis=(0, 3))", "sign"),
    (
        "instancenorm",
        "dL/dX",
        "i, c, s: R[i, c]*g[c]*(dY[i, c, s] - sum(dY[i, c, t] for t in S)/S)",
        "missing term",
    ),
    (
        "instancenorm",
        "dL/dX",
        "i, c, s: R[i, c]*g[c]*(dY[i, c, s] - sum(dY[i, c, t] for t in S)/S"
        " - H[i, c, s]*sum(dY[i, c, t]*H[i, c, s] for t in S)/S)",
        "index swapped",
    ),
    ("instancenorm", "dL/dg", "sum(dY*H, axis=(0, 2))/S", "normaliser"),
    ("instancenorm", "dL/db", "c: sum(dY[i, c, 0] for i in n)", "missing sum"),
    ("weightnorm", "dL/dU", "h, d: g[h]/N[h]*dW[h, d]", "detached length"),
    (
        "weightnorm",
        "dL/dU",
        "h, d: g[h]/N[h]*(dW[h, d] - U[h, d]*sum(dW[h, k]*U[h, k] for k in D)/N[h])",
        "power",
    ),
    (
        "weightnorm",
        "dL/dU",
        "h, d: g[h]/N[h]*(dW[h, d] + U[h, d]*sum(dW[h, k]*U[h, k] for k in D)/N[h]**2)",
        "sign",
    ),
    (
        "weightnorm",
        "dL/dU",
        "h, d: (dW[h, d] - U[h, d]*sum(dW[h, k]*U[h, k] for k in D)/N[h]**2)/N[h]",
        "missing factor",
    ),
    ("weightnorm", "dL/dg", "h: sum(dW[h, d]*U[h, d] for d in D)", "normaliser"),
    ("weightnorm", "dL/dg", "h: sum(dW[h, d]*W[h, d] for d in D)", "weights for directions"),
    # attention
    ("attention", "dL/dV", "P.T @ dO/sqrt(d)", "normaliser"),
    ("attention", "dL/dV", "S.T @ dO", "scores for weights"),
    ("attention", "dL/dV", "j, e: sum(P[i, j]*dO[i, e] for i in n for j in m)", "captured index"),
    (
        "attention",
        "dL/dQ",
        "(P*(dO @ V.T - sum(P*(dO @ V.T), axis=1, keepdims=True))) @ K",
        "missing factor",
    ),
    ("attention", "dL/dQ", "(P*(dO @ V.T)) @ K/sqrt(d)", "missing term"),
    ("attention", "dL/dK", "((P*(1 - P))*(dO @ V.T)).T @ Q/sqrt(d)", "diagonal of the softmax only"),
    ("multi-head-attention", "dL/dWo", "a, e, k: sum(V[a, i, e]*dY[i, k] for i in n)", "values for outputs"),
    ("multi-head-attention", "dL/dWo", "a, e, k: -sum(O[a, i, e]*dY[i, k] for i in n)", "sign"),
    ("multi-head-attention", "dL/dWo", "a, e, k: sum(O[a, i, e]*dY[i, k] for i in n for a in h)", "captured index"),
    (
        "multi-head-attention",
        "dL/dWv",
        "a, k, e: sum(P[a, i, j]*X[i, k]*dY[j, l]*Wo[a, e, l] for i in n for j in n for l in E)",
        "transposed",
    ),
    (
        "rope",
        "dL/dX",
        "i, k, s: delta(s, 0)*(dY[i, k, 0]*cos(A[i, k]) - dY[i, k, 1]*sin(A[i, k]))"
        " + delta(s, 1)*(dY[i, k, 1]*cos(A[i, k]) + dY[i, k, 0]*sin(A[i, k]))",
        "turned forwards",
    ),
    (
        "rope",
        "dL/dX",
        "i, k, s: delta(s, 0)*(dY[i, k, 0]*cos(A[i, k]) + dY[i, k, 1]*sin(A[i, k]))",
        "missing term",
    ),
    ("rope", "dL/dX", "i, k, s: dY[i, k, s]*cos(A[i, k])", "missing term off the diagonal"),
    (
        "rope",
        "dL/dX",
        "i, k, s: delta(s, 0)*(dY[i, k, 0]*cos(p[i]) + dY[i, k, 1]*sin(p[i]))"
        " + delta(s, 1)*(dY[i, k, 1]*cos(p[i]) - dY[i, k, 0]*sin(p[i]))",
        "frequency left out",
    ),
    ("transformer-block", "dL/dc2", "sum(dY, axis=0)/n", "normaliser"),
    ("transformer-block", "dL/dc2", "-sum(dY, axis=0)", "sign"),
    ("transformer-block", "dL/dc2", "k: sum(dY[i, k] for i in n for k in E)", "captured index"),
    # recurrent networks
    ("rnn", "dL/dX3", "(dY*(1 + H3**2)) @ W.T", "sign"),
    ("rnn", "dL/dX3", "(dY*(1 - H3)) @ W.T", "power"),
    ("rnn", "dL/dX3", "(dY*(1 - Z3**2)) @ W.T", "pre-activation for activation"),
    ("rnn", "dL/dX2", "((dY*(1 - H3**2)) @ U.T) @ W.T", "missing factor"),
    (
        "gru",
        "dL/dX1",
        "(dY*(1 - Z1)*(1 - C1**2)) @ Wc.T + (dY*(H0 - C1)*Z1*(1 - Z1)) @ Wz.T",
        "reset gate left out",
    ),
    (
        "gru",
        "dL/dX1",
        "(dY*(1 - Z1)*(1 - C1**2)) @ Wc.T + (dY*(C1 - H0)*Z1*(1 - Z1)) @ Wz.T"
        " + (dY*(1 - Z1)*(1 - C1**2)*V1*R1*(1 - R1)) @ Wr.T",
        "sign",
    ),
    (
        "gru",
        "dL/dX1",
        "(dY*Z1*(1 - C1**2)) @ Wc.T + (dY*(H0 - C1)*Z1*(1 - Z1)) @ Wz.T + (dY*Z1*(1 - C1**2)*V1*R1*(1 - R1)) @ Wr.T",
        "gates swapped",
    ),
    (
        "lstm",
        "dL/dX1",
        "(dY*tanh(C1)*O1*(1 - O1)) @ Wo.T + (dY*O1*(1 - tanh(C1)**2)*C0*F1*(1 - F1)) @ Wf.T"
        " + (dY*O1*(1 - tanh(C1)**2)*G1*I1*(1 - I1)) @ Wi.T",
        "candidate left out",
    ),
    (
        "lstm",
        "dL/dX1",
        "(dY*tanh(C1)*O1*(1 - O1)) @ Wo.T + (dY*O1*(1 - tanh(C1)**2)*C1*F1*(1 - F1)) @ Wf.T"
        " + (dY*O1*(1 - tanh(C1)**2)*G1*I1*(1 - I1)) @ Wi.T + (dY*O1*(1 - tanh(C1)**2)*I1*(1 - G1**2)) @ Wg.T",
        "new state for the old one",
    ),
    (
        "lstm",
        "dL/dX1",
        "(dY*tanh(C1)*O1*(1 - O1)) @ Wo.T + (dY*O1*C0*F1*(1 - F1)) @ Wf.T"
        " + (dY*O1*G1*I1*(1 - I1)) @ Wi.T + (dY*O1*I1*(1 - G1**2)) @ Wg.T",
        "missing factor",
    ),
]

#: The same gradients as they should be: the errors above are the only thing wrong with those claims.
RIGHT_LAYERS: list[tuple[str, str, str]] = [
    ("mlp-mse", "dJ/dW2", "A1.T @ ((A2 - T)*A2*(1 - A2))"),
    ("mlp-mse", "dJ/dW1", "X.T @ (((A2 - T)*A2*(1 - A2)) @ W2.T * A1*(1 - A1))"),
    (
        "layernorm",
        "dL/dX",
        "i, d: R[i]*(g[d]*dY[i, d] - sum(g[k]*dY[i, k] for k in D)/D"
        " - H[i, d]*sum(g[k]*dY[i, k]*H[i, k] for k in D)/D)",
    ),
    ("rmsnorm", "dL/dX", "i, d: R[i]*(g[d]*dY[i, d] - H[i, d]*sum(g[k]*dY[i, k]*H[i, k] for k in D)/D)"),
    (
        "batchnorm",
        "dL/dX",
        "i, c: R[c]*g[c]*(dY[i, c] - sum(dY[j, c] for j in n)/n - H[i, c]*sum(dY[j, c]*H[j, c] for j in n)/n)",
    ),
    ("attention", "dL/dQ", "(P*(dO @ V.T - sum(P*(dO @ V.T), axis=1, keepdims=True))) @ K/sqrt(d)"),
    (
        "multi-head-attention",
        "dL/dWv",
        "a, k, e: sum(P[a, i, j]*X[j, k]*dY[i, l]*Wo[a, e, l] for i in n for j in n for l in E)",
    ),
    ("transformer-block", "dL/dc2", "n*mean(dY, axis=0)"),
    ("rnn", "dL/dX2", "(((dY*(1 - H3**2)) @ U.T)*(1 - H2**2)) @ W.T"),
    (
        "gru",
        "dL/dX1",
        "(dY*(1 - Z1)*(1 - C1**2)) @ Wc.T + (dY*(H0 - C1)*Z1*(1 - Z1)) @ Wz.T"
        " + (dY*(1 - Z1)*(1 - C1**2)*V1*R1*(1 - R1)) @ Wr.T",
    ),
    (
        "lstm",
        "dL/dX1",
        "(dY*tanh(C1)*O1*(1 - O1)) @ Wo.T + (dY*O1*(1 - tanh(C1)**2)*C0*F1*(1 - F1)) @ Wf.T"
        " + (dY*O1*(1 - tanh(C1)**2)*G1*I1*(1 - I1)) @ Wi.T + (dY*O1*(1 - tanh(C1)**2)*I1*(1 - G1**2)) @ Wg.T",
    ),
]
