"""The names that stand as reasons beside the steps, and what each rule says (LaTeX)."""

from __future__ import annotations

from sympy import Function, Mul, Pow, exp

from .derivation import Definition
from .sums import BoundSum
from .tensors import Element

CHAIN = "chain rule"
DELTAS = "contract deltas"
COLLECT = "collect terms"
ROWS = "rows sum to 1"
DEVIATIONS = "deviations sum to 0"
SIGMOID = "sigmoid by its name"
OUTPUT = "in terms of the output"
ONE_SUM = "one sum"
NAMES = "definitions by their names"
CLAIM = "rearrange"
ADJOINTS = "insert what is known"
UPSTREAM = "upstream gradient"
SECOND = "differentiate again"
SOFTMAX_JACOBIAN = "softmax Jacobian"

STATEMENTS: dict[str, str] = {
    CHAIN: r"\frac{\partial L}{\partial x}"
    r" = \sum_D \sum_a \frac{\partial L}{\partial D_a}\frac{\partial D_a}{\partial x}",
    DELTAS: r"\sum_i \delta_{ij}\, f(i) = f(j)",
    COLLECT: r"a\,b + a\,c = a\,(b + c)",
    ROWS: r"\sum_c Y_{ic} = 1",
    DEVIATIONS: r"\sum_i \Bigl(x_i - \frac{1}{n}\sum_j x_j\Bigr) = 0",
    SIGMOID: r"\frac{e^u}{1 + e^u} = \sigma(u)",
    OUTPUT: r"y = f(x)\ \text{solved for the exponential}",
    NAMES: r"\text{what a definition says stands under its name}",
    CLAIM: r"\text{equal by algebra; decided by the prover}",
    ADJOINTS: r"\text{derivatives proved in earlier steps}",
    SECOND: r"\frac{\partial^2 L}{\partial x\,\partial y} = \frac{\partial}{\partial y}\frac{\partial L}{\partial x}",
    UPSTREAM: r"\frac{\partial L}{\partial Y} = dY\ \text{is given}",
    SOFTMAX_JACOBIAN: r"\frac{\partial P_c}{\partial Z_b} = P_c\,(\delta_{cb} - P_b)",
    "linearity": r"(a f + b g)' = a f' + b g'",
    "derivative of a constant": r"c' = 0",
    "derivative of an element": r"\frac{\partial X_{ij}}{\partial X_{kl}} = \delta_{ik}\,\delta_{jl}",
    "product rule": r"(u v)' = u' v + u v'",
    "quotient rule": r"\left(\frac{u}{v}\right)' = \frac{u' v - u v'}{v^2}",
    "reciprocal rule": r"\left(\frac{1}{v}\right)' = -\frac{v'}{v^2}",
    "power rule": r"(u^p)' = p\, u^{p-1} u'",
    "derivative of u^v": r"(u^v)' = u^v \left(v' \log u + v \frac{u'}{u}\right)",
    "branch by branch": r"\text{each branch has its own derivative; at the kink the stated convention holds}",
    "log of a quotient": r"\log\frac{a}{b} = \log a - \log b",
    "linearity of the sum": r"\sum (a + b) = \sum a + \sum b",
    ONE_SUM: r"\sum a + \sum b = \sum (a + b)",
}


def is_softmax(definition: Definition) -> bool:
    """True where the body has the shape exp(u)/Σ exp(u)."""
    body = definition.body
    if not isinstance(body, Mul) or len(body.args) != 2:
        return False
    exponentials = [f for f in body.args if isinstance(f, exp)]
    sums = [f.base for f in body.args if isinstance(f, Pow) and f.exp == -1 and isinstance(f.base, BoundSum)]
    return len(exponentials) == len(sums) == 1 and isinstance(sums[0].body, exp)


def softmax_rule(definition: Definition) -> str:
    """What the Jacobian of a softmax is called: of an array itself, or of something made from it (a chain)."""
    (exponent,) = (f.args[0] for f in definition.body.args if isinstance(f, exp))
    return SOFTMAX_JACOBIAN if isinstance(exponent, Element) else f"{CHAIN}, {SOFTMAX_JACOBIAN}"


def jacobian_name(definition: Definition, fallback: str) -> str:
    """What the field calls the derivative of a definition of this shape, or the rules that were used."""
    if is_softmax(definition):
        return softmax_rule(definition)
    body = definition.body
    if isinstance(body, Function) and len(body.args) == 1:
        return f"derivative of {type(body).__name__}"
    return fallback


#: What the rules of one function say, by the word that stands in "derivative of WORD".
FUNCTIONS: dict[str, str] = {
    "exp": r"(e^u)' = e^u\, u'",
    "log": r"(\log u)' = \frac{u'}{u}",
    "tanh": r"(\tanh u)' = (1 - \tanh^2 u)\, u'",
    "sigmoid": r"\sigma(u)' = \sigma(u)\,(1 - \sigma(u))\, u'",
    "softplus": r"\log(1 + e^u)' = \sigma(u)\, u'",
    "erf": r"\mathrm{erf}(u)' = \frac{2}{\sqrt{\pi}} e^{-u^2} u'",
    "relu": r"\max(u, 0)' = [u > 0]\, u'",
    "abs": r"|u|' = ([u > 0] - [u < 0])\, u'",
    "sin": r"(\sin u)' = \cos u\; u'",
    "cos": r"(\cos u)' = -\sin u\; u'",
    "sinh": r"(\sinh u)' = \cosh u\; u'",
    "cosh": r"(\cosh u)' = \sinh u\; u'",
    "atan": r"(\arctan u)' = \frac{u'}{1 + u^2}",
    "a step": r"[u > 0]' = 0\ \text{wherever it exists}",
}


def statement(name: str) -> str:
    """What a rule says, in LaTeX, for a name as it stands beside a step (one rule, not several joined)."""
    if name in STATEMENTS:
        return STATEMENTS[name]
    if name.startswith("definition of "):
        return r"\text{the name stands for its definition}"
    word = name.removeprefix("derivative of ")
    if word == name:
        raise KeyError(f"no rule is called {name!r}")
    return FUNCTIONS.get(word, r"\text{the derivative of the name, from earlier lines or as the symbol } g'")


def joined(names: list[str]) -> str:
    """Several rules as one reason, in order, each once, "chain rule" first."""
    words = list(dict.fromkeys(part for name in names for part in name.split(", ")))
    return ", ".join(words)
