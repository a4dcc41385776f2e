"""What a definition is in words, and names with digits and accents in sentences."""

import json
from unicodedata import combining

from derived import formula

from nnmath.calculus.derivation import Derivation
from nnmath.rendering import render


def with_notes() -> Derivation:
    given = "x: n  # inputs\nw1: n  # what replaces w_hat\nw_hat: n"
    define = """
        y = x + w_hat  # the sum of x and w_hat, not w1 or w2
        z = x*y
        S = sum(y[i]*z[i] for i in n)  # total
        v[i] = x[i]*sin(z[i])  # by entries
    """
    return formula(given, define)


def test_what_a_definition_is_stands_where_it_is_introduced():
    note = "the sum of x and ŵ, not w₁ or w2"
    assert f"y = ŵ + x        y_i = x_i + ŵ_i   {note}\n" in render(with_notes(), "text", width=80)
    assert f"y_i = x_i + ŵ_i\n            {note}\n" in render(with_notes(), "text", width=55)
    assert f"\n\n- $y$: {note}\n- $S$: total\n- $v$: by entries\n" in render(with_notes(), "markdown")
    latex = r"\item \(y\): the sum of x and ŵ, not w$_{1}$ or w2"
    assert latex in render(with_notes(), "latex") and r"y &= \hat{w} + x" in render(with_notes(), "latex")
    described = json.loads(render(with_notes(), "json"))["definitions"]
    assert [d["description"] for d in described] == [note, "", "total", "by entries"]


def test_an_accent_takes_no_column():
    accented = formula("v: n\nm: n\nt: positive", "v_hat = v/t\na = v/t + v*m/t\nm_bar = m/t")
    text = render(accented, "text", width=80)
    lines = text[text.index("Define") :].splitlines()
    starts = [line[: line.index(entry)] for line, entry in zip(lines, ("v̂_i", "a_i", "m̄_i"), strict=False)]
    assert len({sum(not combining(c) for c in start) for start in starts}) == 1, text
