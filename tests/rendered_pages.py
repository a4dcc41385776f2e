"""Pages made by hand, for the tests of the formats."""

from __future__ import annotations

from dataclasses import replace

import sympy

from nnmath.calculus.derivation import Counterexample, Definition, Derivation, Part, Result, Step, Verdict
from nnmath.calculus.functions import sigmoid
from nnmath.calculus.sums import Delta, Partial, bound_sum
from nnmath.calculus.tensors import Domain, Index, Tensor, dimension, fresh_index

n, C = dimension("n"), dimension("C")
i, c = Index("i", n), Index("c", C)
L, x = Tensor("L"), Tensor("x")()
PROVED = Verdict("proved", "normal form")


def proved(left, right, rule, continues=False, **more):
    return Step(left, right, rule, PROVED, continues, **more)


def softmax_ce(last=PROVED):
    z = Tensor("Z", (n, C), description="logits")
    y = Tensor("Y", (n, C), Domain(rows=True), "target distributions")
    p = Tensor("P", (n, C))
    a, e, q, r, s, t, u, v = (fresh_index(dim) for dim in (n, C, n, C, n, C, C, C))
    if last.counterexample is not None:
        last = replace(last, counterexample=replace(last.counterexample, at={q.name: 0, r.name: 1}))
    node = Partial(L(), z[q, r])
    jacobian = Delta(a, q) * p[a, e] * (Delta(e, r) - p[a, r])
    steps = (
        proved(Partial(L(), p[a, e]), -y[a, e] / (n * p[a, e]), "derivative of log"),
        proved(Partial(p[a, e], z[q, r]), jacobian, "softmax Jacobian",
               detail=(proved(Partial(p[a, e], z[q, r]), jacobian, "quotient rule"),)),
        proved(node, bound_sum(Partial(L(), p[s, t]) * Partial(p[s, t], z[q, r]), s, t), "chain rule"),
        proved(node, (p[q, r] * bound_sum(y[q, u], u) - y[q, r]) / n, "contract deltas", True),
        Step(node, (p[q, r] - y[q, r]) / n, "rows of Y sum to 1", last, True),
    )  # fmt: skip
    definitions = (
        Definition(p, (i, c), sympy.exp(z[i, c]) / bound_sum(sympy.exp(z[i, v]), v)),
        Definition(L, (), -bound_sum(y[i, c] * sympy.log(p[i, c]), i, c) / n),
    )
    result = Result("dZ", (q, r), (p[q, r] - y[q, r]) / n, L, (z,))
    return Derivation(
        "softmax-ce", "Softmax cross-entropy", (z, y), definitions, (Part(node, steps, result),),
        ("The logarithm is natural.",), ("Do not divide by n twice: 100 % wrong.",), ("Bishop, 2006, eq. 4.108",),
        "losses", {"n": "ij", "C": "cbk"},
    )  # fmt: skip


def refuted():
    point = Counterexample({"n": 1, "C": 2}, {"Z": ("0.5", "1")}, {}, "0.25", "-0.25")
    return softmax_ce(Verdict("refuted", "", point))


def silu():
    y = Tensor("y")
    node, s = Partial(y(), x), sigmoid(x)
    first, second = s * (1 + x * (1 - s)), s * (1 - s) * (2 + x * (1 - 2 * s))
    return Derivation(
        "silu", "Sigmoid linear unit", (x.tensor,), (Definition(y, (), x * s),),
        (
            Part(node, (proved(node, s + x * Partial(s, x), "product rule"), proved(node, first, "collect", True)),
                 Result("dy_dx", (), first, y, (x.tensor,), in_output=y() + s * (1 - y()))),
            Part(Partial(node, x), (proved(Partial(node, x), second, "product rule"),),
                 Result("d2y_dx2", (), second, y, (x.tensor, x.tensor))),
        ),
    )  # fmt: skip


def backprop():
    D, H, K = dimension("D"), dimension("H"), dimension("K")
    inputs, weights, bias = Tensor("X", (n, D)), Tensor("W1", (D, H)), Tensor("b1", (H,))
    above, up = Tensor("V", (H, K)), Tensor("dU", (n, K))
    z, a, u, loss = Tensor("Z1", (n, H)), Tensor("A1", (n, H)), Tensor("U", (n, K)), Tensor("L")
    p, e, h, m = Index("i", n), Index("d", D), Index("h", H), Index("m", K)
    dz = Tensor("dZ1", (n, H))
    definitions = (
        Definition(z, (p, h), bound_sum(inputs[p, e] * weights[e, h], e) + bias[h]),
        Definition(a, (p, h), sympy.tanh(z[p, h])),
        Definition(u, (p, m), bound_sum(a[p, h] * above[h, m], h)),
        Definition(loss, (), bound_sum(up[p, m] * u[p, m], p, m), pairing=True),
    )
    to_z = (1 - a[p, h] ** 2) * bound_sum(up[p, m] * above[h, m], m)
    to_w = bound_sum(inputs[p, e] * dz[p, h], p)
    parts = (
        Part(Partial(loss(), z[p, h]), (proved(Partial(loss(), z[p, h]), to_z, "chain rule"),),
             Result("dZ1", (p, h), to_z, loss, (z,), wanted=False)),
        Part(Partial(loss(), weights[e, h]), (proved(Partial(loss(), weights[e, h]), to_w, "chain rule"),),
             Result("dW1", (e, h), to_w, loss, (weights,))),
    )  # fmt: skip
    return Derivation("layer", "One layer", (inputs, weights, bias, above, up), definitions, parts)


PAGES = {"softmax-ce": softmax_ce, "silu": silu, "backprop": backprop, "refuted": refuted}
