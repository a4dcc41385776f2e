"""Powers whose exponent varies, of bases whose sign is not known: what is proved of them, and what is not."""

from __future__ import annotations

import pytest
from sympy import Expr, Integer, Pow, log, sqrt

import nnmath
from nnmath.calculus.functions import absolute, sigmoid
from nnmath.calculus.normal_form import Normalizer
from nnmath.calculus.prover import Prover
from nnmath.calculus.sums import Partial
from nnmath.calculus.tensors import Domain, Element, Tensor

X, G, A, P = Tensor("x"), Tensor("g"), Tensor("a"), Tensor("p", (), Domain(positive=True))
x, g, a, p = X(), G(), A(), P()

PROVED: list[tuple[str, Expr, Expr]] = [
    ("exponents add up", (1 - x) ** g * (1 - x) ** a, (1 - x) ** (g + a)),
    ("a number in an exponent", (1 - x) * (1 - x) ** (g - 1), (1 - x) ** g),
    ("half a power", (1 - x) ** (g - sqrt(1) / 2) * sqrt(1 - x), (1 - x) ** g),
    ("they cancel", x ** (g + 1) * x ** (-g), x),
    ("a whole power", ((1 - x) ** g) ** 2, (1 - x) ** (2 * g)),
    ("what is positive leaves the base", (p - p * x) ** g, p**g * (1 - x) ** g),
    ("a factor that is a number", (2 - 2 * x) ** g, 2**g * (1 - x) ** g),
    ("the derivative in the base", Partial((1 - x) ** g, x), -g * (1 - x) ** (g - 1)),
    ("the derivative in the exponent", Partial((1 - x) ** g, g), (1 - x) ** g * log(1 - x)),
    ("a power of a size", Partial(absolute(x) ** p, x) * x, p * absolute(x) ** p),
    ("two bases stay apart", x**g * (1 - x) ** g * x, (1 - x) ** g * x ** (g + 1)),
    ("of a sigmoid", Partial((1 - sigmoid(x)) ** g, x), -g * sigmoid(x) * (1 - sigmoid(x)) ** g),
]

#: Equations that hold for a positive base, or nearly hold.
NOT_PROVED: list[tuple[str, Expr, Expr]] = [
    ("the exponents multiplied", (1 - x) ** g * (1 - x) ** a, (1 - x) ** (g * a)),
    ("one too many", (1 - x) * (1 - x) ** (g - 1), (1 - x) ** (g + 1)),
    ("factors of any sign", (x * (1 - x)) ** g, x**g * (1 - x) ** g),
    ("a root of a power", sqrt(x**g), x ** (g / 2)),
    ("a power of a square", (x**2) ** g, x ** (2 * g)),
    ("the size of a power", absolute(x**g), x**g),
    ("the logarithm of a power", log(x**g), g * log(x)),
    ("a sign", (1 - x) ** g, (x - 1) ** g),
    ("the derivative without the exponent", Partial((1 - x) ** g, x), -((1 - x) ** (g - 1))),
    ("the derivative without its sign", Partial((1 - x) ** g, x), g * (1 - x) ** (g - 1)),
]


@pytest.mark.parametrize(("_", "left", "right"), PROVED, ids=[r[0] for r in PROVED])
def test_proved(_: str, left: Expr, right: Expr) -> None:
    assert Prover().judge(left, right).kind == "proved"


@pytest.mark.parametrize(("_", "left", "right"), NOT_PROVED, ids=[r[0] for r in NOT_PROVED])
def test_not_proved(_: str, left: Expr, right: Expr) -> None:
    assert Prover()._prove(left, right) is None


def test_the_normal_form_of_a_power_is_its_own_normal_form() -> None:
    normalizer = Normalizer()
    for e in (x**g * (1 - x) ** (2 * g - a), sqrt(x**g) ** 3, (p * x) ** g / x):
        form = normalizer.expr(normalizer.poly(e))
        assert normalizer.expr(normalizer.poly(form)) == form


def test_zero_to_a_power() -> None:
    normalizer = Normalizer()
    assert normalizer.poly(Element(P) ** g * (x - x)) == {}
    zero = (x - 1) - (x - 1)
    assert normalizer.poly((zero + 0 * x) ** p) == {} and Prover()._prove(Integer(0) ** g, Integer(0)) is None


#: name: definitions, arrays, in what
FORMULAS = {
    "focal": ("p = sigmoid(z); -mean(y*(1-p)**g*log(p) + (1-y)*p**g*log(1-p))", "z: n, y: n mask, g: positive", "z"),
    "focal, of classes": ("P = softmax(Z); -sum(Y*(1-P)**g*log(P))/n", "Z: n C, Y: n C onehot, g: positive", "Z"),
    "focal, in p": ("-(1-p)**g*log(p)", "p: unit, g: positive", "p"),
    "of a real exponent": ("b = abs(a-2); mean(b/a*(((x/c)**2/b + 1)**(a/2) - 1))", "x: n, a: real, c: positive", "x"),
    "Tversky": (
        "p = sigmoid(z); T = sum(p*y); (1 - T/(T + a*sum(p*(1-y)) + 1))**g",
        "z: n, y: n mask, a: positive, g: positive",
        "z",
    ),
    "a kernel": ("sum((1 + (x-c)**2/(2*a*l**2))**(-a))", "x: n, c: real, a: positive, l: positive", "c"),
    "a norm": ("sum(abs(x)**p)**(1/p)", "x: n, p: positive", "x"),
    "similarities": (
        "Q[i,j] = (1 + sum((Y[i,e]-Y[j,e])**2 for e in d)/a)**(-(a+1)/2); sum(P*log(Q))",
        "Y: n d, P: n n, a: positive",
        "Y",
    ),
}


@pytest.mark.parametrize("name", FORMULAS)
def test_formulas_with_an_exponent_of_their_own(name: str) -> None:
    formula, given, wrt = FORMULAS[name]
    page = nnmath.derive(formula, given=given, wrt=wrt)
    assert page.derivation.proved, str(page)
    made = page.derivation
    adjoints = [r.definition for r in page.results if not r.wanted]
    prover = Prover([*made.definitions, *adjoints], made.givens)
    powers = [s for s in page.steps if "power rule" in s.rule and s.right.atoms(Pow)]
    assert powers
    for step in powers:
        assert prover.judge(step.left, step.right).is_proved
        for wrong in (-step.right, 2 * step.right):
            assert not prover.judge(step.left, wrong).is_proved
