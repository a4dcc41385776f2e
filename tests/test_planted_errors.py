"""Wrong claims and wrong definitions, planted on purpose: every one is refuted, and none is ever proved."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from itertools import product
from typing import Any

import planted_activations
import pytest
from flint import arb
from planted_layers import LAYER_TOPICS, RIGHT_LAYERS, SETTINGS, WRONG_LAYERS
from planted_losses import LOSS_TOPICS, WRONG_LOSSES, WRONG_OPTIONS
from planted_statements import WRONG as WRONG_STATEMENTS
from planted_windows import WRONG_WINDOWS

from nnmath.calculus.balls import Valuation
from nnmath.calculus.derivation import Counterexample, Derivation, Part, Step
from nnmath.calculus.parser import ParseError
from nnmath.calculus.rules import CLAIM
from nnmath.calculus.sums import Partial
from nnmath.derivations import Entry, catalogue, find
from nnmath.derivations.build import derive_entry

# -- the tables ------------------------------------------------------------------------------------------------------

#: id, wanted, wrong claim, the class of the error.
WRONG: list[tuple[str, str, str, str]] = [
    # activations
    *planted_activations.WRONG,
    ("sigmoid", "dy/dx", "-exp(-x)/(1 + exp(-x))**2", "sign"),
    ("sigmoid", "dy/dx", "exp(-x)/(1 + exp(-x))", "power"),
    ("sigmoid", "dy/dx", "exp(x)/(1 + exp(-x))**2", "sign in the exponent"),
    ("sigmoid", "dy/dx", "2*exp(-x)/(1 + exp(-x))**2", "factor"),
    ("sigmoid", "dy/dx in output", "y*(1 + y)", "sign"),
    ("sigmoid", "dy/dx in output", "1 - y", "missing factor"),
    ("sigmoid", "dy/dx in output", "x*(1 - x)", "input for output"),
    ("sigmoid", "d2y/dx2 in output", "y*(1 - y)*(1 - y)", "factor"),
    ("sigmoid", "d2y/dx2 in output", "y*(1 - y)*(2*y - 1)", "sign"),
    ("tanh", "dy/dx", "4/(exp(x) - exp(-x))**2", "sign"),
    ("tanh", "dy/dx", "2/(exp(x) + exp(-x))**2", "factor"),
    ("tanh", "dy/dx", "4/(exp(x) + exp(-x))", "power"),
    ("tanh", "dy/dx in output", "1 + y**2", "sign"),
    ("tanh", "dy/dx in output", "1 - y", "power"),
    ("tanh", "dy/dx in output", "1 - x**2", "input for output"),
    ("tanh", "d2y/dx2 in output", "2*y*(1 - y**2)", "sign"),
    ("tanh", "d2y/dx2 in output", "-y*(1 - y**2)", "factor"),
    ("relu", "dy/dx", "indicator(-x)", "sign"),
    ("relu", "dy/dx", "x*indicator(x)", "function for derivative"),
    ("relu", "dy/dx", "1", "missing case"),
    ("relu", "d2y/dx2", "indicator(x)", "order"),
    ("leaky-relu", "dy/dx", "where(x > 0, alpha, 1)", "branches swapped"),
    ("leaky-relu", "dy/dx", "where(x > 0, 1, -alpha)", "sign"),
    ("leaky-relu", "dy/dx", "where(x > 0, 1, alpha*x)", "function for derivative"),
    ("elu", "dy/dx", "where(x > 0, 1, exp(x))", "missing factor"),
    ("elu", "dy/dx", "where(x > 0, 1, alpha*(exp(x) - 1))", "function for derivative"),
    ("elu", "dy/dx in output", "where(y > 0, 1, y - alpha)", "sign"),
    ("elu", "dy/dx in output", "where(y > 0, 1, y + 1)", "missing parameter"),
    ("elu", "d2y/dx2", "where(x > 0, 1, alpha*exp(x))", "order"),
    ("selu", "dy/dx", "where(x > 0, 1, alpha*exp(x))", "missing factor"),
    ("selu", "dy/dx in output", "where(y > 0, lam, y + alpha)", "missing factor"),
    ("selu", "dy/dx in output", "where(y > 0, lam*alpha, y + lam*alpha)", "factor"),
    ("gelu", "dy/dx", "(1 + erf(x/sqrt(2)))/2 + exp(-x**2/2)/sqrt(2*pi)", "missing factor"),
    ("gelu", "dy/dx", "(1 + erf(x/sqrt(2)))/2", "missing term"),
    ("gelu", "dy/dx", "(1 + erf(x))/2 + x*exp(-x**2/2)/sqrt(2*pi)", "scale of the argument"),
    ("gelu", "dy/dx", "(1 + erf(x/sqrt(2)))/2 + x*exp(-x**2)/sqrt(2*pi)", "factor in the exponent"),
    ("gelu", "dy/dx", "(1 + erf(x/sqrt(2)))/2 + x*exp(-x**2/2)/sqrt(pi)", "normaliser"),
    ("gelu", "d2y/dx2", "(1 - x**2)*exp(-x**2/2)/sqrt(2*pi)", "factor"),
    ("gelu-tanh", "dy/dx", "(1 + tanh(u))/2 + x*(1 - tanh(u)**2)*sqrt(2/pi)*(1 + 0.044715*x**2)/2", "factor"),
    ("gelu-tanh", "dy/dx", "(1 + tanh(u))/2 + x*(1 - tanh(u)**2)*sqrt(2/pi)*(1 + 0.134145*x**2)", "factor"),
    ("gelu-tanh", "dy/dx", "(1 + tanh(u))/2 + x*(1 - tanh(u)**2)/2", "missing inner derivative"),
    ("silu", "dy/dx", "sigmoid(x)*(1 + x*(1 + sigmoid(x)))", "sign"),
    ("silu", "dy/dx", "sigmoid(x)", "missing term"),
    ("silu", "dy/dx in output", "y + sigmoid(x)*(1 + y)", "sign"),
    ("silu", "d2y/dx2", "sigmoid(x)*(1 - sigmoid(x))*(1 + x*(1 - 2*sigmoid(x)))", "factor"),
    ("swish", "dy/dx", "sigmoid(beta*x)*(1 + x*(1 - sigmoid(beta*x)))", "missing inner derivative"),
    ("swish", "dy/dx in output", "y + sigmoid(beta*x)*(1 - y)", "right only at beta = 1"),
    ("swish", "dy/dbeta", "x*sigmoid(beta*x)*(1 - sigmoid(beta*x))", "power"),
    ("swish", "dy/dbeta in output", "y*(x + y)", "sign"),
    ("mish", "dy/dx", "tanh(softplus(x)) + x*(1 - tanh(softplus(x))**2)", "missing inner derivative"),
    ("mish", "dy/dx", "tanh(softplus(x)) - x*sigmoid(x)*(1 - tanh(softplus(x))**2)", "sign"),
    ("mish", "dy/dx", "tanh(softplus(x)) + x*sigmoid(x)*(1 - tanh(softplus(x)))", "power"),
    ("softplus", "dy/dx", "sigmoid(-x)", "sign"),
    ("softplus", "dy/dx in output", "1 - exp(y)", "sign in the exponent"),
    ("softplus", "d2y/dx2", "sigmoid(x)*(1 + sigmoid(x))", "sign"),
    # softmax and cross-entropies
    ("softmax-jacobian", "dp/dz", "outer(p, p) - diag(p)", "sign"),
    ("softmax-jacobian", "dp/dz", "diag(p)", "missing term"),
    ("softmax-jacobian", "dp/dz", "diag(p*(1 - p))", "missing term off the diagonal"),
    ("softmax-jacobian", "dp/dz", "diag(p) + outer(p, p)", "sign"),
    ("softmax-jacobian", "dp/dz", "c, b: p[c]*(delta(c, b) - p[c])", "index swapped"),
    ("softmax-jacobian", "dp/dz", "c, b: p[b]*(delta(c, b) - p[b])", "index swapped"),
    ("softmax-jacobian", "dp/dz", "c, b: p[c]*delta(c, b) - sum(p[b]*p[c]*delta(b, c) for b in C)", "captured index"),
    ("softmax-jacobian", "dp/dz", "c, b: p[c]*(delta(c, b) - sum(p[b] for b in C))", "captured index"),
    ("softmax-jacobian", "dp/dz", "(diag(p) - outer(p, p))/C", "normaliser"),
    ("log-softmax", "dy/dz", "c, b: delta(c, b) - p[c]", "transposed"),
    ("log-softmax", "dy/dz", "c, b: delta(c, b) - y[b]", "output for probability"),
    ("log-softmax", "dy/dz", "c, b: p[c]*(delta(c, b) - p[b])", "softmax for log-softmax"),
    ("log-softmax", "dy/dz", "c, b: delta(c, b) - exp(z[b])/sum(exp(z[b]) for c in C)", "captured index"),
    ("softmax-ce", "dL/dZ", "(Y - P)/n", "sign"),
    ("softmax-ce", "dL/dZ", "P - Y", "normaliser"),
    ("softmax-ce", "dL/dZ", "(P - Y)/C", "normaliser"),
    ("softmax-ce", "dL/dZ", "(P - Y)/n**2", "power"),
    ("softmax-ce", "dL/dZ", "(P - Y)/(n*C)", "normaliser"),
    ("softmax-ce", "dL/dZ", "P/n", "missing term"),
    ("softmax-ce", "dL/dZ", "(P*Y - Y)/n", "factor"),
    ("softmax-ce", "dL/dZ", "-Y/(n*P)", "stops before the softmax"),
    ("softmax-ce", "dL/dZ", "(log(P) - Y)/n", "logarithm for probability"),
    ("softmax-ce", "dL/dZ", "(softmax(Z, axis=0) - Y)/n", "normaliser along the wrong axis"),
    ("softmax-ce", "dL/dZ", "(exp(Z) - Y)/n", "missing normaliser"),
    ("softmax-ce", "dL/dZ", "i, c: (exp(Z[i, c])/sum(exp(Z[i, c]) for k in C) - Y[i, c])/n", "captured index"),
    ("softmax-ce", "dL/dZ", "i, c: sum(P[i, c] - Y[i, c] for i in n)/n", "captured index"),
    ("softmax-ce", "dL/dZ", "i, c: (P[i, c]*sum(Y[i, c] for i in n) - Y[i, c])/n", "captured index"),
    ("softmax-ce-labels", "dL/dZ", "i, c: (delta(c, y[i]) - P[i, c])/n", "sign"),
    ("softmax-ce-labels", "dL/dZ", "i, c: P[i, c] - delta(c, y[i])", "normaliser"),
    ("softmax-ce-labels", "dL/dZ", "i, c: P[i, c]/n", "missing term"),
    ("softmax-ce-labels", "dL/dZ", "i, c: (P[i, y[i]] - delta(c, y[i]))/n", "index swapped"),
    ("softmax-ce-labels", "dL/dZ", "i, c: (P[i, c] - 1)*delta(c, y[i])/n", "missing term off the target"),
    ("softmax-ce-labels", "dL/dZ", "i, c: (P[i, c] - sum(delta(c, y[i]) for i in n))/n", "captured index"),
    ("softmax-ce-hessian", "dL/dz", "y - p", "sign"),
    ("softmax-ce-hessian", "d2L/dz2", "diag(p) - outer(p, y)", "wrong vector"),
    ("softmax-ce-hessian", "d2L/dz2", "diag(p) - outer(y, y)", "wrong vector"),
    ("softmax-ce-hessian", "d2L/dz2", "outer(p, p)", "missing term"),
    ("softmax-ce-hessian", "d2L/dz2", "diag(p**2) - outer(p, p)", "power"),
    ("softmax-ce-hessian", "d2L/dz2", "outer(p - y, p - y)", "outer product of gradients"),
    ("bce-with-logits", "dL/dz", "(t - s)/n", "sign"),
    ("bce-with-logits", "dL/dz", "s - t", "normaliser"),
    ("bce-with-logits", "dL/dz", "(s - t)/(n*s*(1 - s))", "stops before the sigmoid"),
    ("bce-with-logits", "dL/dz", "(s - t)*s*(1 - s)/n", "factor"),
    ("bce-with-logits", "dL/dz", "(z - t)/n", "logit for probability"),
    ("bce-with-logits", "dL/dz", "i: sum(s[i] - t[i] for i in n)/n", "captured index"),
    # divergence and cross-entropy
    ("kl-ce", "dD/dQ", "P/Q", "sign"),
    ("kl-ce", "dD/dQ", "-Q/P", "fraction inverted"),
    ("kl-ce", "dD/dQ", "-P/Q**2", "power"),
    ("kl-ce", "dD/dQ", "log(Q/P) + 1", "the other divergence"),
    ("kl-ce", "dD/dQ", "-P*log(Q)", "missing derivative"),
    ("kl-ce", "dD/dQ", "1 - P/Q", "gradient along the simplex"),
    ("kl-ce", "dD/dQ", "c: -P[c]/sum(Q[c] for c in C)", "captured index"),
    ("kl-ce", "dH/dQ", "-P/(C*Q)", "normaliser"),
    ("kl-ce", "dH/dQ", "-1/Q", "missing factor"),
    # layers and networks
    ("dense", "dL/dX", "-dY @ W.T", "sign"),
    ("dense", "dL/dX", "i, d: sum(dY[i, h]*W[d, h] for i in n for h in H)", "captured index"),
    ("dense", "dL/dX", "2*(dY @ W.T)", "factor"),
    ("dense", "dL/dW", "X.T @ dY/n", "normaliser"),
    ("dense", "dL/dW", "(X**2).T @ dY", "power"),
    ("dense", "dL/dW", "d, h: sum(X[i, d] for i in n)*sum(dY[i, h] for i in n)", "product of sums"),
    ("dense", "dL/dW", "d, h: sum(X[i, d]*dY[i, h] for i in n for d in D)", "captured index"),
    ("dense", "dL/db", "mean(dY, axis=0)", "normaliser"),
    ("dense", "dL/db", "h: sum(dY[i, h] for i in n for h in H)", "captured index"),
    ("backprop", "dJ/dZ", "(dU @ V.T)*g(Z)", "missing derivative"),
    ("backprop", "dJ/dZ", "(dU @ V.T)*g.prime(A)", "activation for pre-activation"),
    ("backprop", "dJ/dZ", "dU @ V.T", "missing factor"),
    ("backprop", "dJ/dZ", "(dU @ V.T)*g.prime.prime(Z)", "order"),
    ("backprop", "dJ/dW", "X.T @ ((dU @ V.T)*g.prime(Z))", "missing term"),
    ("backprop", "dJ/dW", "X.T @ ((dU @ V.T)*g.prime(Z)) + 2*lam*W", "factor"),
    ("backprop", "dJ/dW", "X.T @ ((dU @ V.T)*g.prime(Z)) - lam*W", "sign"),
    ("backprop", "dJ/dW", "X.T @ ((dU @ V.T)*g.prime(Z)) + n*lam*W", "penalty for every sample"),
    ("backprop", "dJ/dW", "X.T @ ((dU @ V.T)*g.prime(Z)) + lam*W**2/2", "function for derivative"),
    ("backprop", "dJ/db", "sum((dU @ V.T)*g.prime(Z), axis=0)/n", "normaliser"),
    ("mlp-softmax", "dL/dW2", "A1.T @ (P - Y)", "normaliser"),
    ("mlp-softmax", "dL/dW2", "Z1.T @ (P - Y)/n", "pre-activation for activation"),
    ("mlp-softmax", "dL/dW2", "A1.T @ (P - Y)/n**2", "divided twice"),
    ("mlp-softmax", "dL/db2", "sum(P - Y, axis=0)", "normaliser"),
    ("mlp-softmax", "dL/db2", "sum(Y - P, axis=0)/n", "sign"),
    ("mlp-softmax", "dL/dW1", "X.T @ ((P - Y) @ W2.T)/n", "missing factor"),
    ("mlp-softmax", "dL/dW1", "X.T @ ((P - Y) @ W2.T * (1 - A1))/n", "power"),
    ("mlp-softmax", "dL/dW1", "X.T @ ((P - Y) @ W2.T * (1 + A1**2))/n", "sign"),
    ("mlp-softmax", "dL/dW1", "X.T @ ((P - Y) @ W2.T * (1 - Z1**2))/n", "pre-activation for activation"),
    (
        "mlp-softmax",
        "dL/dW1",
        "d, h: sum(X[i, d]*(P[i, c] - Y[i, c])*W2[h, c]*(1 - A1[i, h]**2) for i in n for c in C for h in H)/n",
        "captured index",
    ),
    ("mlp-softmax", "dL/db1", "sum((P - Y) @ W2.T, axis=0)*sum(1 - A1**2, axis=0)/n", "product of sums"),
    ("mlp-softmax", "dL/db1", "-sum((P - Y) @ W2.T * (1 - A1**2), axis=0)/n", "sign"),
    ("mlp-deep", "dL/dW3", "A2.T @ (Y - P)/n", "sign"),
    ("mlp-deep", "dL/dW3", "A2.T @ (P - Y)/(n - 1 + 1)**2", "power"),
    ("mlp-deep", "dL/dW2", "A1.T @ ((P - Y) @ W3.T)/n", "missing factor"),
    ("mlp-deep", "dL/db1", "sum(((P - Y) @ W3.T * (1 - A2**2)) @ W2.T, axis=0)/n", "missing factor"),
    ("mlp-deep", "dL/dW1", "X.T @ ((((P - Y) @ W3.T) @ W2.T) * (1 - A1**2))/n", "missing factor of an inner layer"),
]

WRONG += WRONG_LOSSES + WRONG_WINDOWS + WRONG_STATEMENTS + WRONG_LAYERS

#: Square matrices, where a transpose has the right shape and only the values tell.
SQUARE = {
    "dense-square": replace(find("dense"), given="X: D D\nW: D D\nb: D\ndY: D D"),
    "mlp-square": replace(find("mlp-softmax"), given="X: n C\nW1: C C\nb1: C\nW2: C C\nb2: C\nY: n C rows"),
    "quadratic-form": Entry(
        id="quadratic-form",
        title="Quadratic form",
        given="x: D\nA: D D",
        define="y = sum(x[i]*A[i, j]*x[j] for i in D for j in D)",
        wanted=("dy/dx", "dy/dA"),
        claim={"dy/dx": "(A + A.T) @ x", "dy/dA": "outer(x, x)"},
    ),
}
WRONG += [
    ("dense-square", "dL/dX", "dY @ W", "transposed"),
    ("dense-square", "dL/dX", "W.T @ dY", "order of the product"),
    ("dense-square", "dL/dX", "(dY @ W.T).T", "transposed"),
    ("dense-square", "dL/dW", "X @ dY", "transposed"),
    ("dense-square", "dL/dW", "dY.T @ X", "transposed"),
    ("dense-square", "dL/dW", "d, h: sum(X[d, i]*dY[i, h] for i in D)", "index swapped"),
    ("dense-square", "dL/db", "sum(dY, axis=1)", "sum along the wrong axis"),
    ("mlp-square", "dL/dW1", "X.T @ ((P - Y) @ W2 * (1 - A1**2))/n", "transposed"),
    ("mlp-square", "dL/dW1", "(X.T @ ((P - Y) @ W2.T * (1 - A1**2))/n).T", "transposed"),
    ("mlp-square", "dL/dW2", "(P - Y).T @ A1/n", "transposed"),
    ("mlp-square", "dL/dW2", "(A1 - Y).T @ P/n", "arrays swapped"),
    ("quadratic-form", "dy/dx", "2*A @ x", "right for symmetric A only"),
    ("quadratic-form", "dy/dx", "(A - A.T) @ x", "sign"),
    ("quadratic-form", "dy/dx", "A @ x", "missing term"),
    ("quadratic-form", "dy/dx", "k: sum(A[k, k]*x[j] + A[j, k]*x[j] for j in D)", "captured index"),
    ("quadratic-form", "dy/dA", "diag(x**2)", "missing term off the diagonal"),
]

#: The control group: claims that are right, however they are written.
RIGHT: list[tuple[str, str, str]] = [
    *planted_activations.RIGHT,
    *RIGHT_LAYERS,
    ("sigmoid", "dy/dx", "exp(x)/(1 + exp(x))**2"),
    ("sigmoid", "dy/dx", "1/(2 + exp(x) + exp(-x))"),
    ("sigmoid", "dy/dx", "sigmoid(x)*sigmoid(-x)"),
    ("sigmoid", "dy/dx", "(1 - tanh(x/2)**2)/4"),
    ("sigmoid", "dy/dx in output", "y - y**2"),
    ("sigmoid", "dy/dx in output", "1/4 - (y - 1/2)**2"),
    ("sigmoid", "d2y/dx2 in output", "y - 3*y**2 + 2*y**3"),
    ("tanh", "dy/dx", "1 - tanh(x)**2"),
    ("tanh", "dy/dx", "1/cosh(x)**2"),
    ("tanh", "dy/dx", "4*sigmoid(2*x)*(1 - sigmoid(2*x))"),
    ("tanh", "dy/dx in output", "(1 - y)*(1 + y)"),
    ("tanh", "d2y/dx2 in output", "2*y**3 - 2*y"),
    ("relu", "dy/dx", "where(x > 0, 1, 0)"),
    ("relu", "dy/dx", "1 - where(x <= 0, 1, 0)"),
    ("leaky-relu", "dy/dx", "alpha + (1 - alpha)*indicator(x)"),
    ("elu", "dy/dx", "indicator(x) + alpha*exp(x)*(1 - indicator(x))"),
    ("gelu", "dy/dx", "1/2 + erf(x/sqrt(2))/2 + x*exp(-x**2/2)/(sqrt(2)*sqrt(pi))"),
    ("silu", "dy/dx", "(1 + exp(-x) + x*exp(-x))/(1 + exp(-x))**2"),
    ("silu", "dy/dx", "sigmoid(x) + x*sigmoid(x)*sigmoid(-x)"),
    ("swish", "dy/dbeta in output", "x*y - y**2"),
    ("mish", "dy/dx", "tanh(softplus(x)) + x*(1 - tanh(softplus(x))**2)/(1 + exp(-x))"),
    ("softplus", "dy/dx", "1 - sigmoid(-beta*x)"),
    ("softplus", "dy/dx", "(1 + tanh(beta*x/2))/2"),
    ("softmax-jacobian", "dp/dz", "c, b: p[b]*(delta(b, c) - p[c])"),
    ("softmax-jacobian", "dp/dz", "i, j: delta(i, j)*p[j] - p[i]*p[j]"),
    ("softmax-jacobian", "dp/dz", "c, b: p[c]*sum((delta(c, k) - p[k])*delta(k, b) for k in C)"),
    ("log-softmax", "dy/dz", "c, b: delta(c, b) - exp(y[b])"),
    ("log-softmax", "dy/dz", "c, b: delta(b, c) - exp(z[b])/sum(exp(z[c]) for c in C)"),
    ("softmax-ce", "dL/dZ", "Y*(-1/n) + P/n"),
    ("softmax-ce", "dL/dZ", "softmax(Z)/n - Y/n"),
    ("softmax-ce", "dL/dZ", "i, c: (exp(Z[i, c])/sum(exp(Z[i, c]) for c in C) - Y[i, c])/n"),
    ("softmax-ce", "dL/dZ", "i, c: (P[i, c]*sum(Y[i, k] for k in C) - Y[i, c])/n"),
    ("softmax-ce", "dL/dZ", "a, b: sum(delta(a, i)*(P[i, b] - Y[i, b]) for i in n)/n"),
    ("softmax-ce", "dL/dZ", "i, c: (1/(1 + sum(exp(Z[i, k] - Z[i, c]) for k in C) - 1) - Y[i, c])/n"),
    ("softmax-ce-labels", "dL/dZ", "a, b: P[a, b]/n - delta(y[a], b)/n"),
    ("softmax-ce-labels", "dL/dZ", "i, c: (P[i, c] - sum(delta(k, y[i])*delta(k, c) for k in C))/n"),
    ("softmax-ce-hessian", "d2L/dz2", "c, b: p[b]*(delta(b, c) - p[c])"),
    ("bce-with-logits", "dL/dz", "(sigmoid(z)*(1 - t) - sigmoid(-z)*t)/n"),
    ("bce-with-logits", "dL/dz", "(1/(1 + exp(-z)) - t)/n"),
    ("kl-ce", "dD/dQ", "-P*Q**(-1)"),
    ("kl-ce", "dD/dQ", "-exp(log(P) - log(Q))"),
    ("dense", "dL/dX", "(W @ dY.T).T"),
    ("dense", "dL/dW", "(dY.T @ X).T"),
    ("dense", "dL/db", "n*mean(dY, axis=0)"),
    ("dense", "dL/db", "k: sum(dY[h, k] for h in n)"),
    ("backprop", "dJ/dZ", "g.prime(Z)*(V @ dU.T).T"),
    ("backprop", "dJ/dW", "lam*W + (((dU @ V.T)*g.prime(X @ W + b)).T @ X).T"),
    ("mlp-softmax", "dL/dW1", "X.T @ (((P - Y)/n) @ W2.T * (1 - A1)*(1 + A1))"),
    ("mlp-softmax", "dL/dW1", "X.T @ (P @ W2.T * (1 - A1**2) - Y @ W2.T * (1 - tanh(Z1)**2))/n"),
    ("mlp-softmax", "dL/dW2", "(P.T @ A1 - Y.T @ A1).T/n"),
    ("mlp-deep", "dL/dW1", "X.T @ ((((P - Y) @ W3.T * (1 - A2**2)) @ W2.T) * (1 - A1**2))/n"),
    ("dense-square", "dL/dW", "d, h: sum(dY[d2, h]*X[d2, d] for d2 in D)"),
    ("quadratic-form", "dy/dx", "A @ x + (x @ A)"),
]

#: Claims of a wrong shape, or that name what does not exist: id, wanted, claim, what the message says.
MISSHAPEN: list[tuple[str, str, str, str]] = [
    ("softmax-ce", "dL/dZ", "(P - Y).T/n", "shape C×n, and shape n×C is expected"),
    ("softmax-ce", "dL/dZ", "sum(P - Y, axis=0)/n", "shape C, and shape n×C is expected"),
    ("softmax-ce", "dL/dZ", "i: P[i, i]", "does not name the 2 axes of shape n×C"),
    ("softmax-ce", "dL/dZ", "c, i: (P[i, c] - Y[i, c])/n", "runs over"),
    ("softmax-ce", "dL/dZ", "(P - Z2)/n", "Z2 is not known"),
    ("dense", "dL/dW", "dY.T @ X", "shape H×D, and shape D×H is expected"),
    ("dense", "dL/dW", "X @ dY", "inner dimensions D and n differ"),
    ("dense", "dL/dX", "dY @ W", "inner dimensions H and D differ"),
    ("dense", "dL/db", "sum(dY, axis=1)", "shape n, and shape H is expected"),
    ("mlp-softmax", "dL/dW1", "X.T @ ((P - Y) @ W2 * (1 - A1**2))/n", "inner dimensions C and H differ"),
    ("mlp-softmax", "dL/dW2", "A1.T @ (P - Y.T)/n", "do not match"),
    ("softmax-jacobian", "dp/dz", "p*(1 - p)", "shape C, and shape C×C is expected"),
]

#: Wrong definitions under claims that are right for the true one: id, the text replaced, the wrong text, the error.
WRONG_DEFINITIONS: list[tuple[str, str, str, str]] = [
    *planted_activations.WRONG_DEFINITIONS,
    ("softmax-ce", "for c in C)/n", "for c in C)", "missing 1/n"),
    ("softmax-ce", "L = -sum", "L = sum", "sign"),
    ("softmax-ce", "sum(exp(Z[i, k]) for k in C)", "sum(exp(Z[k, c]) for k in n)", "normaliser along the wrong axis"),
    ("softmax-ce", "sum(exp(Z[i, k]) for k in C)", "sum(exp(Z[k, l]) for k in n for l in C)", "normaliser over all"),
    ("softmax-ce", "log(P[i, c])", "log(1 - P[i, c])", "logarithm of the wrong argument"),
    ("softmax-ce", "log(P[i, c])", "P[i, c]", "missing logarithm"),
    ("softmax-ce", "Y[i, c]*log(P[i, c])", "P[i, c]*log(P[i, c])", "entropy for cross-entropy"),
    ("softmax-ce", "exp(Z[i, c]) /", "exp(2*Z[i, c]) /", "temperature in the numerator only"),
    ("softmax-ce-labels", "log(P[i, y[i]])", "log(P[i, 0])", "label ignored"),
    ("softmax-ce-labels", "for i in n)/n", "for i in n)/C", "normaliser"),
    ("softmax-ce-hessian", "y[c]*log(p[c])", "y[c]*log(p[c])**2", "power"),
    ("bce-with-logits", "log(1 - s[i])", "log(s[i])", "logarithm of the wrong argument"),
    ("bce-with-logits", "(1 - t[i])", "(1 + t[i])", "sign"),
    ("bce-with-logits", "for i in n)/n", "for i in n)", "missing 1/n"),
    ("softmax-jacobian", "exp(z[k])", "exp(2*z[k])", "factor in the exponent"),
    ("softmax-jacobian", "/ sum(exp(z[k]) for k in C)", "/ sum(exp(z[k]) for k in C)**2", "power"),
    ("log-softmax", "y[c] = log(p[c])", "y[c] = log(1 + p[c])", "log1p for log"),
    ("kl-ce", "log(P[c]/Q[c])", "log(Q[c]/P[c])", "fraction inverted"),
    ("kl-ce", "H = -sum(P[c]*log(Q[c])", "H = -sum(Q[c]*log(P[c])", "arguments swapped"),
    ("sigmoid", "exp(-x)", "exp(x)", "sign in the exponent"),
    ("sigmoid", "1/(1 + exp(-x))", "1/(1 + exp(-2*x))", "factor in the exponent"),
    ("tanh", "/(exp(x) + exp(-x))", "/(exp(x) + exp(-x))/2", "normaliser"),
    ("relu", "where(x > 0, x, 0)", "where(x > 0, 0, x)", "branches swapped"),
    ("elu", "alpha*(exp(x) - 1)", "exp(x) - 1", "missing parameter"),
    ("gelu", "erf(x/sqrt(2))", "erf(x)", "scale of the argument"),
    ("silu", "x*sigmoid(x)", "sigmoid(x)", "missing factor"),
    ("mish", "tanh(softplus(x))", "tanh(exp(x))", "wrong inner function"),
    ("softplus", "log(1 + exp(beta*x))", "log(1 + exp(-beta*x))", "sign"),
    ("dense-square", "X @ W", "X @ W.T", "transposed"),
    ("dense-square", "X @ W", "W @ X", "order of the product"),
    ("dense", "X @ W + b", "2*(X @ W) + b", "factor"),
    ("backprop", "lam/2*sum(W**2)", "lam*sum(W**2)", "missing 1/2"),
    ("backprop", "A = g(Z)", "A = g(2*Z)", "factor inside"),
    ("mlp-softmax", "A1 = tanh(Z1)", "A1 = sigmoid(Z1)", "another activation"),
    ("mlp-softmax", "A1 @ W2", "Z1 @ W2", "activation left out"),
    ("mlp-softmax", "P = softmax(Z2)", "P = softmax(Z2, axis=0)", "softmax along the wrong axis"),
]

#: Claims in the variables of the forward pass, for entries that state theirs in terms of an adjoint.
CLOSED = {
    "mlp-softmax": {
        "dL/dW2": "A1.T @ (P - Y)/n",
        "dL/db2": "sum(P - Y, axis=0)/n",
        "dL/dW1": "X.T @ ((P - Y) @ W2.T * (1 - A1**2))/n",
        "dL/db1": "sum((P - Y) @ W2.T * (1 - A1**2), axis=0)/n",
    },
    "backprop": {
        "dJ/dZ": "(dU @ V.T)*g.prime(Z)",
        "dJ/dW": "X.T @ ((dU @ V.T)*g.prime(Z)) + lam*W",
        "dJ/db": "sum((dU @ V.T)*g.prime(Z), axis=0)",
    },
}

WRONG_IDENTITIES = ["D = H + S", "D = S - H", "D = H", "D = 2*H - S", "D = H - 2*S", "H = D - S", "S = D"]


def entry_of(id: str) -> Entry:
    return SQUARE[id] if id in SQUARE else find(id).at(**SETTINGS.get(id, {}))


def name(row: tuple[str, ...]) -> str:
    return " | ".join(row)


# -- what a refutation must show ---------------------------------------------------------------------------------------


def refuted_steps(derivation: Derivation) -> list[tuple[Part, Step]]:
    return [(p, s) for p in derivation.parts for s in p.steps if s.verdict.kind == "refuted"]


def valuation_at(derivation: Derivation, example: Counterexample) -> Valuation:
    """The values that a counterexample prints, read back from its text; what it does not mention is drawn as 1/2."""
    sizes = {d: example.sizes.get(d.name, 1) for d in derivation.dims}
    values = {}
    for tensor in derivation.givens:
        if not tensor.domain.function:
            shape = [int(d.xreplace(sizes)) for d in tensor.dims]
            printed = example.values.get(tensor.name, "0.5")
            values[tensor] = {at: read(printed, at) for at in product(*map(range, shape))}
    names = {t.name for t in derivation.givens}
    adjoints = (r.definition for r in derivation.results if not r.of.rank and r.name not in names)
    definitions = (*derivation.definitions, *adjoints)
    return Valuation(definitions, sizes, values)


def read(nested: Any, at: tuple[int, ...]) -> arb:
    for k in at:
        nested = nested if isinstance(nested, str) else nested[k]
    return arb(nested)


def assert_genuine(derivation: Derivation, part: Part, step: Step) -> None:
    """The printed point gives the printed sides; there the derivative (by dual numbers) is not what was claimed."""
    example = step.verdict.counterexample
    assert example is not None and example.left != example.right
    assert set(example.sizes) >= {i.dim.name for i in step.left.free_symbols if hasattr(i, "dim") and i.dim.is_Symbol}
    valuation = valuation_at(derivation, example)
    free = {i.name: i for side in (step.left, step.right, part.left) for i in side.free_symbols if hasattr(i, "dim")}
    indices = {index: example.at.get(name, 0) for name, index in free.items()}
    left, right = (valuation.value(side, indices) for side in (step.left, step.right))
    assert left.is_finite() and right.is_finite() and 0 not in left - right
    assert close(left, example.left) and close(right, example.right)
    if isinstance(part.left, Partial):
        true = valuation.value(part.left, indices)
        assert (true - right).abs_lower() > 1e-9, "the counterexample does not show that the claim is wrong"


def close(ball: arb, text: str) -> bool:
    """Printed with at least six digits, from inputs printed with twelve."""
    return bool(abs(ball - arb(text)) <= 1e-5 * (1 + abs(arb(text))))


@cache
def derived(id: str, wanted: str, claim: str) -> Derivation:
    of, _, wrt = wanted.removesuffix(" in output").partition("/")
    first = (f"d{of[2:]}/{wrt[:-1]}",) if of.startswith("d2") else ()
    return derive_entry(replace(entry_of(id), wanted=(*first, f"{of}/{wrt}"), claim={wanted: claim}))


# -- claims ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("row", WRONG, ids=name)
def test_a_wrong_claim_is_refuted(row: tuple[str, str, str, str]) -> None:
    id, wanted, claim, _ = row
    derivation = derived(id, wanted, claim)
    (found,) = refuted_steps(derivation)
    part, step = found
    assert step.rule == CLAIM and derivation.verdict.kind == "refuted"
    assert all(s.verdict.is_proved for s in derivation.steps if s is not step)
    assert_genuine(derivation, part, step)
    assert part.result is not None and part.result.expr != step.right, "a refuted claim must not become the result"


@pytest.mark.parametrize("row", WRONG_OPTIONS, ids=lambda row: f"{row[0]} {row[1]} {row[3]}")
def test_a_wrong_claim_is_refuted_at_every_setting(row: tuple[str, dict[str, str], str, str]) -> None:
    id, setting, wanted, claim = row
    derivation = derive_entry(replace(find(id).at(**setting), wanted=(wanted,), claim={wanted: claim}))
    ((part, step),) = refuted_steps(derivation)
    assert step.rule == CLAIM and all(s.verdict.is_proved for s in derivation.steps if s is not step)
    assert_genuine(derivation, part, step)


@pytest.mark.parametrize("row", RIGHT, ids=name)
def test_a_right_claim_is_proved_however_it_is_written(row: tuple[str, str, str]) -> None:
    derivation = derived(*row)
    assert derivation.proved, [str(s.verdict.counterexample) for s in derivation.steps if not s.verdict.is_proved]


@pytest.mark.parametrize("row", MISSHAPEN, ids=name)
def test_a_claim_of_a_wrong_shape_is_rejected(row: tuple[str, str, str, str]) -> None:
    id, wanted, claim, message = row
    with pytest.raises(ParseError) as caught:
        derived(id, wanted, claim)
    assert message in str(caught.value)


def test_the_table_is_what_it_says() -> None:
    assert len(WRONG) == len(set(WRONG)) >= 150
    families = {catalogue()[id].topic for id, *_ in WRONG if id in catalogue()}
    complete = {"activations", "bounds", "classification", "identities", "information", *LOSS_TOPICS, *LAYER_TOPICS}
    assert families >= {*complete, "convolution"}
    derived_entries = {id: entry for id, entry in catalogue().items() if entry.at().wanted}
    assert {id for id, *_ in WRONG} >= {id for id, entry in derived_entries.items() if entry.topic in complete}
    classes = " ".join(error for *_, error in WRONG)
    for kind in "sign|factor|index swapped|transposed|missing term|power|normaliser|captured index".split("|"):
        assert kind in classes


# -- definitions and identities ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("row", WRONG_DEFINITIONS, ids=name)
def test_a_right_claim_about_a_wrong_definition_is_refuted(row: tuple[str, str, str, str]) -> None:
    id, old, new, _ = row
    entry = entry_of(id)
    assert isinstance(entry.define, str) and old in entry.define
    claims = CLOSED.get(id, entry.claim)
    assert derive_entry(replace(entry, claim=claims)).proved
    derivation = derive_entry(replace(entry, claim=claims, define=entry.define.replace(old, new, 1)))
    found = refuted_steps(derivation)
    assert found and found[0][1].rule == CLAIM
    for part, step in found:
        assert_genuine(derivation, part, step)


@pytest.mark.parametrize("identity", WRONG_IDENTITIES)
def test_a_wrong_identity_is_refuted(identity: str) -> None:
    derivation = derive_entry(replace(find("kl-ce"), wanted=(identity,), claim={}))
    assert derivation.verdict.kind == "refuted"
    ((_, step),) = refuted_steps(derivation)
    example = step.verdict.counterexample
    assert example is not None and example.left != example.right
    valuation = valuation_at(derivation, example)
    assert 0 not in valuation.value(step.left) - valuation.value(step.right)
