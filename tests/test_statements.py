"""Statements as entries write them: chains, hypotheses, the sign of a derivative, induction, and what is refused."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

import nnmath
from nnmath.calculus.derivation import Derivation
from nnmath.calculus.parser import ParseError
from nnmath.derivations import Entry, Example, Statement, catalogue
from nnmath.derivations.build import derive_entry
from nnmath.rendering import FORMATS, render


def prove(
    *proof: Statement, given: str = "x: real, a: positive, b: positive", define: str = "", **options
) -> Derivation:
    return derive_entry(Entry(id="t", title="T", given=given, define=define, proof=proof, **options))


def kinds(found: Derivation) -> str:
    return " ".join(step.verdict.kind for step in found.steps)


# -- chains ------------------------------------------------------------------------------------------------------------


def test_a_chain_has_a_line_for_each_link() -> None:
    found = prove(
        Statement("(x + 1)**2 = x**2 + 2*x + 1 <= 2*x**2 + 2", by=("expand", "square"), certificate="(x - 1)**2")
    )
    assert [(s.relation, s.rule, s.continues) for s in found.steps] == [
        ("=", "square", False), (">=", "squares", True), ("=", "expand", False), ("<=", "hence", True),
    ]  # fmt: skip
    assert found.proved and found.parts[0].stated is not None and found.parts[0].stated.relation == "<="


def test_a_chain_whose_middle_is_undefined_proves_nothing() -> None:
    found = prove(Statement("x = exp(log(x)/3)**3 >= -abs(x)"))
    assert found.steps[-1].verdict.kind != "proved"


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("x", "is not a statement"),
        ("x == 1", "no relation"),
        ("x <=", "a side"),
        ("a <= b >= x", "both directions"),
        ("x <= y", "y is not known"),
        ("u[i] <= 1", "index i is not known"),
        ("u[i] <= 1 for i in k", "k is not a dimension"),
        ("u[i] <= 1 for i of n", "cannot read the indices"),
        ("u <= v", "shapes"),
        ("u[x] <= 1 for x in n", "already names something"),
        ("where(x > 0, 1, 2)", "is not a statement"),
    ],
)
def test_a_statement_that_cannot_be_read(text: str, part: str) -> None:
    with pytest.raises(ParseError, match=part):
        prove(Statement(text), given="x: real, a: positive, b: positive, u: n, v: m")


def test_whole_arrays_are_compared_entry_by_entry() -> None:
    found = prove(Statement("u**2 >= 0"), Statement("A @ u = (u @ A.T)"), given="u: n, A: m n")
    assert found.proved and {str(i) for i in found.steps[0].left.free_symbols} == {"i"}


# -- hypotheses --------------------------------------------------------------------------------------------------------

GIVEN = "x: real, y: real, z: real, a: positive"
#: Hypotheses, a statement, its certificate, and the verdict.
FROM_HYPOTHESES = [
    ({"h": "x <= y"}, "x <= y", "h", "proved"),
    ({"h": "x <= y"}, "x < y", "h", "refuted"),
    ({"h": "x < y"}, "x < y", "h", "proved"),
    ({"h": "x < y"}, "y < x", "h", "refuted"),
    ({"h": "x < y"}, "x <= y + a", "h + a", "proved"),
    ({"h": "x <= y", "g": "y <= z"}, "x <= z", "h + g", "proved"),
    ({"h": "x <= y", "g": "y <= z"}, "x <= z", "h - g", "refuted"),  # the identity is
    ({"h": "x <= y", "g": "y <= z"}, "2*x <= z", "h + g", "refuted"),
    ({"h": "x <= y", "g": "y < z"}, "x < z", "h + g", "proved"),
    ({"h": "x <= y"}, "a*x <= a*y", "a*h", "proved"),
    ({"h": "x <= y"}, "z*x <= z*y", "z*h", "refuted"),
    ({"h": "x <= y"}, "x**2 <= y**2", "h*(x + y)", "refuted"),
    ({"h": "x <= y", "p": "x >= 0"}, "x**2 <= y**2", "h*(2*p + h)", "proved"),
    ({"h": "x**2 = 2*x - 1"}, "x = 1", "", "open"),
    ({"h": "x + y = 2"}, "x**2 = (2 - y)**2", "h*(x + 2 - y)", "proved"),
    ({"h": "z = x + y"}, "z**2 = (x + y)**2", "", "proved"),
    ({"h": "z = x + y"}, "z = x - y", "", "refuted"),
    ({"h": "z >= x**2", "g": "z <= -1"}, "0 >= 1 + x**2", "h + g", "open"),
    ({"h": "x >= 1"}, "log(x) >= 0", "", "open"),
    ({"h": "x >= 1"}, "1/x <= 1", "h/x", "open"),
    ({"h": "x >= 1"}, "1/(h_one + 1) <= 1", "", "error"),
]


@pytest.mark.parametrize(
    ("assume", "text", "certificate", "kind"), FROM_HYPOTHESES, ids=[f"{h} {t}" for h, t, *_ in FROM_HYPOTHESES]
)
def test_what_follows_from_hypotheses(assume: dict[str, str], text: str, certificate: str, kind: str) -> None:
    if kind == "error":
        with pytest.raises(ParseError):
            prove(Statement(text, certificate=certificate), given=GIVEN, assume=assume)
        return
    found = prove(Statement(text, certificate=certificate), given=GIVEN, assume=assume)
    assert found.verdict.kind == kind
    assert len(found.assumptions) == len(assume)


def test_contradicting_hypotheses_prove_nothing_unless_that_is_the_point() -> None:
    assume = {"h": "x < 0", "g": "x > 0"}
    found = prove(Statement("1 <= 0", certificate="h/x*g"), given=GIVEN, assume=assume)
    assert not found.proved
    found = prove(Statement("x**2 + 1 <= 0", certificate="(h + g)*0 + h + g - x**2 - 1"), given=GIVEN, assume=assume)
    assert not found.proved
    stated = Statement("0 > 0", certificate="h + g")
    assert prove(stated, given=GIVEN, assume=assume).verdict.kind == "open"
    meant = Statement("0 > 0", certificate="h + g", impossible=True)
    assert prove(meant, given=GIVEN, assume=assume).proved


def test_what_is_called_impossible_and_is_possible_is_refuted() -> None:
    meant = Statement("0 > 0", certificate="h + g", impossible=True)
    assert prove(meant, given=GIVEN, assume={"h": "x < 1", "g": "x > 0"}).verdict.kind == "refuted"


def test_an_example_meets_what_random_points_do_not() -> None:
    goal = Statement("sum(u**2) = 7/5", certificate="h")
    options = {"given": "u: 2", "assume": {"h": "sum(u**2) = 7/5"}}
    doubtful = prove(goal, **options)
    assert doubtful.verdict.kind == "open" and "no point was found" in doubtful.verdict.basis
    with_example = prove(goal, examples=(Example({}, {"u": ["1/5", "13/5"]}),), **options)
    assert with_example.verdict.kind == "open"
    assert prove(goal, examples=(Example({}, {"u": ["1/5", "-7/6"]}),), **options).verdict.kind == "open"
    assert prove(goal, examples=(Example({}, {"u": ["1", "2/5"]}),), **options).verdict.kind == "open"
    goal, options["assume"] = Statement("sum(u**2) = 29/25", certificate="h"), {"h": "sum(u**2) = 29/25"}
    assert prove(goal, **options).verdict.kind == "open"
    assert prove(goal, examples=(Example({}, {"u": ["1", "2/5"]}),), **options).proved


def test_an_earlier_statement_is_used_by_its_name_and_only_if_proved() -> None:
    first = Statement("2*x*y <= x**2 + y**2", certificate="(x - y)**2", name="young")
    then = Statement("4*x*y <= 2*x**2 + 2*y**2", certificate="2*young")
    assert prove(first, then, given=GIVEN).proved
    wrong = Statement("x*y >= 0", certificate="x**2", name="young")
    found = prove(wrong, Statement("2*x*y >= 0", certificate="2*young"), given=GIVEN)
    assert "proved" not in {part.steps[-1].verdict.kind for part in found.parts}
    with pytest.raises(ParseError, match="name of its own"):
        prove(first, first, given=GIVEN)


@pytest.mark.parametrize(
    ("assume", "part"),
    [
        ({"x": "x <= y"}, "name of its own"),
        ({"not a name": "x <= y"}, "name of its own"),
        ({"h": "x <= y <= z"}, "2 relations"),
        ({"h": "x"}, "not a statement"),
    ],
)
def test_a_hypothesis_that_cannot_be_read(assume: dict[str, str], part: str) -> None:
    with pytest.raises(ParseError, match=part):
        prove(Statement("x <= x"), given=GIVEN, assume=assume)


# -- the sign of a derivative ------------------------------------------------------------------------------------------

#: A statement, where it is least, its slope, and whether that proves it.
LEAST = [
    ("log(a) <= a - 1", ("a", "1"), "1/a", True),
    ("exp(x) >= 1 + x", ("x", "0"), "1", False),
    ("cosh(x) >= 1", ("x", "0"), "sinh(x)/x", False),
    ("x**2 + 1 >= 2*x", ("x", "1"), "2", True),
    ("x**2 + 1 >= 2*x", ("x", "0"), "2", False),
    ("x**2 >= 2*x", ("x", "1"), "2", False),
    ("a + 1/a >= 2", ("a", "1"), "(a + 1)/a**2", True),
    ("x + 1/x >= 2", ("x", "1"), "(x + 1)/x**2", False),
    ("a*log(a) >= a - 1", ("a", "1"), "log(a)/(a - 1)", False),
    ("log(a) <= a - 2", ("a", "1"), "1/a", False),
    ("log(a) <= a - 1", ("a", "-1"), "1/a", False),
    ("abs(x) >= -1", ("x", "0"), "1", False),
    ("where(x > 0, x**2, x**2 - 5) >= 0", ("x", "0"), "2", False),
    ("x**4 >= 4*x*b**3 - 3*b**4", ("x", "b"), "4*(x**2 + x*b + b**2)", False),
    ("x**4 >= 4*x*b**3 - 3*b**4", ("x", "b"), "4*((x + b/2)**2 + 3*b**2/4)", True),
]


@pytest.mark.parametrize(("text", "least_at", "slope", "proved"), LEAST, ids=[f"{t} at {p}" for t, p, *_ in LEAST])
def test_the_sign_of_a_derivative(text: str, least_at: tuple[str, str], slope: str, proved: bool) -> None:
    found = prove(Statement(text, least_at=least_at, slope=slope))
    assert found.proved is proved, kinds(found)


@pytest.mark.parametrize(("least_at", "part"), [(("u", "0"), "not a given number"), (("s", "0"), "not a given number")])
def test_the_derivative_is_in_a_given_number(least_at: tuple[str, str], part: str) -> None:
    with pytest.raises(ParseError, match=part):
        prove(Statement("x**2 >= 0", least_at=least_at, slope="2"), given="x: real, u: n", define="s = x**2")


# -- induction ---------------------------------------------------------------------------------------------------------

SEQUENCE = "e: real, e0: real, q: positive, k: nonnegative"
#: How the sequence goes on, the statement, the certificate of its step, and whether the induction holds.
INDUCTIONS = [
    ("e1 = q*e", "e = q**k*e0", "q*before", True),
    ("e1 = q*e", "e <= q**k*e0", "q*before", True),
    ("e1 = q*e", "e <= q**(k + 1)*e0", "q*before", False),
    ("e1 = q*e", "e <= e0", "before", False),
    ("e1 = e + 1", "e = e0 + k", "before", True),
    ("e1 = e + 1", "e = e0 + 2*k", "before", False),
    ("e1 = e + 1", "e >= e0 + k/2", "before + 1/2", True),
    ("e1 = e - 1", "e >= e0", "before", False),
    ("e1 = e + 2*k + 1", "e = e0 + k**2", "before", True),
    ("e1 = e + 2*k + 1", "e = e0 + k**2 + 1", "before", False),
    ("e1 = e + k + 1", "e = e0 + k*(k + 1)/2", "before", True),
    ("e1 = e", "e < e0 + 1", "before", True),
    ("e1 = e", "e > e0", "before", False),
]


@pytest.mark.parametrize(
    ("define", "text", "certificate", "proved"), INDUCTIONS, ids=[f"{d}: {t}" for d, t, *_ in INDUCTIONS]
)
def test_induction(define: str, text: str, certificate: str, proved: bool) -> None:
    statement = Statement(text, certificate=certificate, induction=("k", {"e": ("e0", "e1")}))
    found = prove(statement, given=SEQUENCE, define=define)
    assert found.proved is proved, kinds(found)


def test_hypotheses_about_a_step_do_not_prove_the_start() -> None:
    """A hypothesis that holds at every step says nothing about what the sequence starts from."""
    statement = Statement("e <= 1", certificate="before", base="h", induction=("k", {"e": ("e0", "e1")}))
    found = prove(statement, given=SEQUENCE, define="e1 = e", assume={"h": "e <= 1"})
    assert not found.proved


@pytest.mark.parametrize(
    ("induction", "part"),
    [
        (("n", {"e": ("e0", "e1")}), "not a given number"),
        (("x", {"e": ("e0", "e1")}), "counts from 0"),
        (("k", {"e1": ("e0", "e")}), "is not given"),
        (("k", {"e": ("u", "e1")}), "different shapes"),
    ],
)
def test_an_induction_that_cannot_be_read(induction: tuple, part: str) -> None:
    with pytest.raises(ParseError, match=part):
        prove(Statement("e <= e0", induction=induction), given=f"{SEQUENCE}, x: real, u: n", define="e1 = e")


@pytest.mark.parametrize(
    ("text", "define", "part"),
    [
        ("e1 <= e0", "s = e", "two steps at once"),
        ("t <= e0", "t = e", "depends on the step"),
        ("t <= e0", "t = k", "depends on the step"),
        ("e <= e0 <= 2*e", "s = e", "not one relation"),
        ("e <= e0 + 1/k", "s = e", "no real value at the start"),
        ("e <= e0 + sqrt(k - 1)", "s = e", "no real value at the start"),
    ],
)
def test_an_induction_speaks_of_one_step(text: str, define: str, part: str) -> None:
    """Otherwise the statement at k + 1 would not be what the substitution makes of it."""
    statement = Statement(text, certificate="before", induction=("k", {"e": ("e0", "e1")}))
    with pytest.raises(ParseError, match=part):
        prove(statement, given=f"{SEQUENCE}, e1: real", define=define, assume={"h": "e1 <= e"})


# -- pages -------------------------------------------------------------------------------------------------------------

STATED = [id for id, entry in catalogue().items() if entry.proof]


@pytest.mark.parametrize("format", FORMATS)
def test_a_page_shows_what_is_assumed_and_every_relation(format: str) -> None:
    page = nnmath.derive("gd-convex")
    text = render(page.derivation, format)
    for sign in ("≤", "≥") if format in ("text", "terminal", "json") else (r"\leq", r"\geq"):
        assert sign in text
    assert "Assume" in text or '"assumptions"' in text
    assert "f is convex" in text and "An energy never grows" in text


def test_json_gives_relations_and_assumptions() -> None:
    data = json.loads(render(nnmath.derive("descent-lemma").derivation, "json"))
    assert [a["name"] for a in data["assumptions"]] == ["smooth", "small"]
    assert {a["relation"] for a in data["assumptions"]} == {"≤"}
    steps = [step for part in data["parts"] for step in part["steps"]]
    assert {"=", "≤", "≥"} == {step["relation"] for step in steps}


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_the_pages_compile(tmp_path: Path) -> None:
    """Many of them in one document: one run of pdflatex."""
    head = nnmath.derive("gibbs").latex(document=True).partition(r"\begin{document}")[0]
    chosen = STATED[:: 1 if os.environ.get("NNMATH_THOROUGH") else 3]
    body = "\n\\newpage\n".join(nnmath.derive(id).latex() for id in chosen)
    (tmp_path / "all.tex").write_text(f"{head}\\begin{{document}}\n{body}\\end{{document}}\n", encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "all.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, errors="replace")
    assert done.returncode == 0, done.stdout[-3000:]
    overfull = [line for line in done.stdout.splitlines() if line.startswith("Overfull")]
    assert not overfull, overfull


def test_a_statement_has_no_code_and_its_check_says_so() -> None:
    from nnmath import checks
    from nnmath.commands.check_table import as_table, totals
    from nnmath.page import NoCode

    page = nnmath.derive("gibbs")
    assert not page.has_code
    for ask in (page.numpy_source, page.check):
        with pytest.raises(NoCode, match="nnmath derive gibbs"):
            ask()
    row = checks.check_one("gibbs", {}, "cpu", ("float64",))
    assert row.statement and not row.failed and row.proved == row.steps > 0
    assert "—" in as_table([row], ("float64",), 100) and totals([row])["statements"] == 1
