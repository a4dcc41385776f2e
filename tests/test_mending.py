"""Code whose shapes do not fit: one finding names the place, where it runs all the same, and what to write there."""

import re
from pathlib import Path
from types import FunctionType
from typing import Any

import pytest

import nnmath
from nnmath.verification.mending.clash import in_letters

FILE = Path(__file__).parent / "planted_shapes.py"

#: Object, what it is the gradient of, kind, what the finding says, what to write for what.
ROWS = [
    (
        "dense_product", "dense", "transpose",
        "dY @ W does not fit: dY is n×H, W is D×H; it runs only where D = H, and dX is wrong there too",
        "dY @ W.T for dY @ W",
    ),
    (
        "dense_no_transpose_left", "dense", "transpose",
        "X @ dY does not fit: X is n×D, dY is n×H; it runs only where n = D, and dW is wrong there too",
        "X.T @ dY for X @ dY",
    ),
    (
        "dense_too_many_transposes", "dense", "transpose",
        "dY.T @ W.T does not fit: dY is n×H, W is D×H; it runs only where n = H",
        "dY @ W.T for dY.T @ W.T",
    ),
    (
        "dense_order", "dense", "swapped",
        "W @ dY does not fit: W is D×H, dY is n×H; it runs only where n = H, and dX is wrong there too",
        "dY @ W.T for W @ dY",
    ),
    ("dense_outer", "dense", "transpose", "X.dot(dY.T) does not fit", "X.T.dot(dY) for X.dot(dY.T)"),
    ("dense_transposed", "dense", "transpose", "dW has shape H×D, and W has shape D×H", "X.T @ dY for dY.T @ X"),
    ("dense_only_weights", "dense", "transpose", "dW has shape H×D, and W has shape D×H", "X.T @ dY for dY.T @ X"),
    ("dense_only_inputs", "dense", "transpose", "dX has shape D×n, and X has shape n×D", "dY @ W.T for W @ dY.T"),
    (
        "dense_axis", "dense", "wrong-axis", "db has shape n, and b has shape H",
        "np.sum(dY, axis=0) for np.sum(dY, axis=1)",
    ),
    (
        "dense_axis_in_place", "dense", "wrong-axis",
        "db += dY.sum(axis=1) does not fit: db is H, dY is n×H; it runs only where n = H or n = 1",
        "dY.sum(axis=0) for dY.sum(axis=1)",
    ),
    (
        "dense_letters", "dense", "transpose", "np.einsum('nh,hd->nd', dY, W) does not fit: dY is n×H, W is D×H",
        "np.einsum('nh,dh->nd', dY, W) for np.einsum('nh,hd->nd', dY, W)",
    ),
    (
        "dense_reshape", "dense", "shape", "it runs only where D = H, and is right there",
        "dY.sum(axis=0).reshape(-1) for dY.sum(axis=0).reshape(X.shape[1])",
    ),
    (
        "dense_square", "dense", "shape",
        "dW is D×D, dY is n×H, X is n×D; it runs only where D = H or H = 1; it is right where D = H, and dW is wrong "
        "where H = 1",
        "W.shape[1] for W.shape[0]",
    ),
    (
        "dense_helper", "dense", "transpose",
        "a @ b does not fit: a is n×H, b is D×H; it runs only where D = H, and dX is wrong there too; product(dY, W) "
        "stands where",
        "product(dY, W.T) for product(dY, W)",
    ),
    ("dense_checked", "dense", "transpose", "dW.shape == W.shape does not fit: dW is H×D", "X.T @ dY for dY.T @ X"),
    (
        "DenseLayer", "dense", "transpose",
        "dY @ self.W does not fit: dY is n×H, self.W is D×H; it runs only where D = H, and dX is wrong there too",
        "dY @ self.W.T for dY @ self.W",
    ),
    ("DenseFunction", "dense", "transpose", "x.mm(dy) does not fit: dy is n×H, x is n×D", "x.T.mm(dy) for x.mm(dy)"),
    ("DenseFunctionSum", "dense", "wrong-axis", "db has shape n, and b has shape H", "dy.sum(0) for dy.sum(1)"),
    ("dense_torch", "dense", "transpose", "torch.mm(dY, W) does not fit", "torch.mm(dY, W.T) for torch.mm(dY, W)"),
    (
        "dense_torch_letters", "dense", "transpose", "it runs only where D = H",
        "torch.einsum('ij,kj->ik', dY, W) for torch.einsum('ij,jk->ik', dY, W)",
    ),
    (
        "softmax_helper", "softmax-ce", "broadcast",
        "Z - Z.max(axis=1) does not fit: Z is n×C, Z.max(axis=1) is n; it runs only where n = C, n = 1 or C = 1; "
        "dZ is wrong where n = C or C = 1, and it is right where n = 1",
        "Z.max(axis=1, keepdims=True) for Z.max(axis=1)",
    ),
    ("softmax_kept", "softmax-ce", "broadcast", "E / s does not fit", "E.sum(axis=1, keepdims=True) for E.sum(axis=1)"),
    ("softmax_new_axis", "softmax-ce", "broadcast", "is 1×n", "Z.max(axis=1)[:, None] for Z.max(axis=1)[None, :]"),
    ("softmax_other_axis", "softmax-ce", "wrong-axis", "s[:, None] is C×1", "E.sum(axis=1) for E.sum(axis=0)"),
    ("softmax_summed", "softmax-ce", "shape", "dZ has shape C, and Z has shape n×C", "dZ for dZ.sum(axis=0)"),
    (
        "attention", "attention", "transpose", "it runs only where n = m, and dV is wrong there too",
        "A.T @ dO for A @ dO",
    ),
    (
        "softmax_torch", "softmax-ce", "broadcast", "Z - Z.max(dim=1).values does not fit",
        "Z.max(dim=1, keepdim=True) for Z.max(dim=1)",
    ),
    (
        "Normalised", "layernorm", "broadcast", "d - d.mean(-1) does not fit: d is n×D",
        "d.mean(-1, keepdim=True) for d.mean(-1)",
    ),
    (
        "layernorm", "layernorm", "broadcast", "dH - m does not fit: dH is n×D, m is n",
        "dH.mean(axis=1, keepdims=True) for dH.mean(axis=1)",
    ),
]  # fmt: skip


def _report(name: str, against: str = "dense", **options: Any) -> nnmath.Report:
    return nnmath.verify(f"{FILE}:{name}", against=against, **options)


@pytest.mark.parametrize("row", ROWS, ids=[r[0] for r in ROWS])
def test_one_finding_names_the_slip(row: tuple[str, str, str, str, str]) -> None:
    name, against, kind, said, fix = row
    report = _report(name, against, dtypes=("float64",))
    assert report.verdict == "wrong" and report.kinds() == (kind,), str(report)
    (finding,) = report.findings
    assert said in finding.message and f"write {fix}" in finding.fix, str(report)
    assert finding.fix.endswith("then proved for all inputs and sizes"), finding.fix
    assert finding.where.startswith("planted_shapes.py:") and finding.example.count("=") >= 2
    assert not any(p.verdict == "proved" for p in report.proofs) and not report.explained


def test_two_slips_are_two_findings() -> None:
    for name in ("dense_two", "DenseLayerTwo"):
        report = _report(name, dtypes=("float64",))
        assert len(report.findings) == 2, str(report)
        assert all("with the other change; dX, dW and db are then proved" in f.fix for f in report.findings)
    assert report.kinds() == ("transpose", "wrong-axis")
    assert "W has shape D×H; dY.T" in report.findings[0].message and "dW" not in report.findings[1].message


def test_a_formula_of_ones_own() -> None:
    report = _report("squares", "mean((X @ w - y)**2)", inputs="X: n d, w: d, y: n")
    assert report.kinds() == ("transpose",) and "2 * X.T @ r for 2 * X @ r; dw is then proved" in report.findings[0].fix


def test_three_slips_in_a_network() -> None:
    report = _report("Network", "mlp-softmax", dtypes=("float64",))
    assert report.kinds() == ("transpose", "transpose", "wrong-axis"), str(report)
    written = [re.match("write (.*?) for", f.fix)[1] for f in report.findings]  # type: ignore[index]
    assert written == ["self.H.T @ d", "d @ self.W2.T", "d.sum(axis=0)"]
    assert all("dW2, db2, dW1 and db1 are then proved" in f.fix for f in report.findings)


def test_what_is_proved_at_sizes_is_not_said_of_all() -> None:
    report = _report("dense_loop", dtypes=("float64",))
    (finding,) = report.findings
    assert finding.kind == "swapped" and finding.fix.startswith(
        "write np.outer(X[i], dY[i]) for np.outer(dY[i], X[i]);"
    )
    assert {p.verdict for p in report.proofs} == {"proved for sizes with the fix"}
    assert "for all inputs and sizes" not in str(report) and "then right wherever it was tried" in finding.fix


@pytest.mark.parametrize(
    ("name", "slip", "fix"),
    [
        ("dense_product_and_factor", "dW = 1/n · true, proved", "write dY @ W.T for dY @ W; dX and db are then proved"),
        ("dense_factor_on_product", "dX = 2 · true, proved", "dY @ W.T fits; dW and db are then proved"),
    ],
)
def test_what_else_is_wrong_is_told_of_the_mended_code(name: str, slip: str, fix: str) -> None:
    report = _report(name)
    assert report.kinds() == ("transpose", "scale"), str(report)
    assert fix in report.findings[0].fix and slip in report.findings[1].message
    assert "everything but the shapes was judged with dY @ W.T for dY @ W" in report.notes


def test_what_is_not_known_is_not_claimed() -> None:
    report = _report("dense_unknown")
    shape, rest = report.findings
    assert "np.cumsum(dY, axis=1) @ W does not fit" in shape.message and rest.kind == "unnamed", str(report)
    assert shape.fix.startswith("np.cumsum(dY, axis=1) @ W.T fits;") and "dX" not in shape.fix


def test_correct_code_stays_correct() -> None:
    report = _report("dense_right")
    assert report.verdict == "proved" and not report.findings and not report.notes


def test_the_code_is_as_it_was() -> None:
    space: dict[str, Any] = {}
    exec(compile(FILE.read_text(), str(FILE), "exec"), space)
    function: FunctionType = space["dense_two"]
    before = function.__code__
    assert nnmath.verify(function, against="dense").verdict == "wrong"
    assert function.__code__ is before
    with pytest.raises(ValueError, match="mismatch"):
        import numpy as np

        function(np.ones((3, 4)), np.ones((4, 2)), np.ones((3, 2)))


@pytest.mark.parametrize("row", ROWS, ids=[r[0] for r in ROWS])
def test_what_is_to_be_written_is_right(row: tuple[str, str, str, str, str], tmp_path: Path) -> None:
    """The change made by hand, in the text of the file."""
    name, against, *_ = row
    (finding,) = _report(name, against, dtypes=("float64",)).findings
    line = finding.where.partition(": ")[2]
    written = re.match(r"write (.*) for (.*); \w+(, \w+)*( and \w+)? (is|are) then", finding.fix)
    assert written is not None, finding.fix
    after, before = (quoted.replace("'", '"') for quoted in written.group(1, 2))
    assert line.count(before) == 1 or name == "dense_square", (line, before)
    text = FILE.read_text()
    assert line in text
    changed = tmp_path / "changed.py"
    last = line.rindex(before)
    changed.write_text(text.replace(line, line[:last] + after + line[last + len(before) :]))
    report = nnmath.verify(f"{changed}:{name}", against=against)
    assert report.verdict == "proved", str(report)


@pytest.mark.parametrize(
    ("shape", "said"), [((3, 2), "n×H"), ((3,), "n"), ((1, 4), "1×D"), ((6,), "n·H"), ((7,), "7"), ((), "scalar")]
)
def test_shapes_have_the_letters_of_the_reference(shape: tuple[int, ...], said: str) -> None:
    assert in_letters(shape, {"n": 3, "D": 4, "H": 2}) == said
