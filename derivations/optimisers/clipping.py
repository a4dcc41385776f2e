"""Gradient clipping, by norm and by value."""

from __future__ import annotations

from typing import Any

from ..entry import Entry, Statement


def _clipped(torch: Any, clip: Any) -> Any:
    def step(g: Any) -> Any:
        w = torch.zeros_like(g, requires_grad=True)
        w.grad = g.clone()
        clip(w)
        return w.grad

    return step


def _norm(norm: str) -> str:
    return "sqrt(sum(g**2))" if norm == "2" else "sum(abs(g))"


def _unclipped(norm: str) -> tuple[Statement, ...]:
    title = "Without ε the norm becomes the smaller one of c and ‖g‖"
    if norm == "2":
        return (Statement("sqrt(sum(f**2)) = where(n > c, c, n)", title=title),)
    return (
        Statement("0 <= where(n > c, c/n, 1)", title="The factor is not negative"),
        Statement("sum(abs(q*g)) = q*sum(abs(g))", title="so the norm is multiplied by it"),
        Statement("where(n > c, c/n, 1)*sum(abs(g)) = where(n > c, c, n)", title=title),
    )


clip_norm = Entry(
    id="clip-norm",
    title="Clipping a gradient by its norm",
    names=("gradient clipping",),
    kind="update",
    parameters={"norm": ("2", "1")},
    variants=({"norm": "1"},),
    given=lambda norm: (
        "g: d                  # gradient, of all parameters together\n"
        "c: positive = 1.0     # largest norm\n"
        "eps: positive = 1e-6  # against division by zero\n" + ("q: positive  # any factor\n" if norm == "1" else "")
    ),
    define=lambda norm: (
        f"""
        n = {_norm(norm)}  # norm
        h = where(n + eps > c, c/(n + eps), 1)*g
        f = where(n > c, c/n, 1)*g  # without ε
    """
    ),
    state={"g": "h"},
    proof=lambda norm: (
        *_unclipped(norm),
        *(
            (
                Statement(
                    "sum(h**2) <= c**2",
                    certificate="where(n + eps > c, c**2*eps*(2*n + eps)/(n + eps)**2, max(c - n, 0)*(c + n))",
                    title="With ε it is at most c",
                ),
            )
            if norm == "2"
            else ()
        ),
        Statement("h[i]*g[j] = h[j]*g[i] for i in d for j in d", title="The direction stays"),
    ),
    torch=lambda torch, c, norm="2": _clipped(
        torch, lambda w: torch.nn.utils.clip_grad_norm_([w], c, norm_type=float(norm), foreach=False)
    ),
    conventions=(
        "The ε of PyTorch stands in the divisor: a clipped gradient is shorter than c by about 10⁻⁶ of it.",
        "g is the gradient of all parameters in one array: PyTorch takes the norm over all of them together.",
        "norm_type=inf of PyTorch divides by the largest |g_i|. It has no form here: there is no maximum over an axis.",
    ),
    pitfalls=(
        "Clipping each layer by itself changes the direction of the whole gradient; clipping all together does not.",
    ),
    references=(
        "Pascanu, Mikolov and Bengio, On the difficulty of training recurrent neural networks, ICML 2013",
        "torch.nn.utils.clip_grad_norm_",
    ),
    uses=("sgd",),
)

clip_value = Entry(
    id="clip-value",
    title="Clipping a gradient by value",
    kind="update",
    given="""
        g: d               # gradient
        c: positive = 1.0  # largest size of an entry
    """,
    define="h = where(g > c, c, where(g < -c, -c, g))",
    state={"g": "h"},
    proof=(
        Statement(
            "h[i] <= c for i in d",
            certificate="where(g[i] < -c, 2*c, max(c - g[i], 0))",
            name="above",
            title="No entry is larger",
        ),
        Statement(
            "-c <= h[i] for i in d",
            certificate="where(g[i] > c, 2*c, max(c + g[i], 0))",
            name="below",
            title="or smaller",
        ),
        Statement("h[i]**2 <= c**2 for i in d", certificate="above[i]*below[i]", title="so none is longer than c"),
        Statement(
            "0 <= h[i]*g[i] for i in d",
            certificate="where(g[i] > c, c*max(g[i], 0), where(g[i] < -c, c*max(-g[i], 0), g[i]**2))",
            title="No sign changes",
        ),
    ),
    torch=lambda torch, c: _clipped(torch, lambda w: torch.nn.utils.clip_grad_value_([w], c, foreach=False)),
    conventions=("An entry between −c and c stays as it is.",),
    pitfalls=("The direction changes: where one entry is clipped, the others count for more.",),
    references=("torch.nn.utils.clip_grad_value_",),
    uses=("clip-norm",),
)
