"""The table of target languages."""

from __future__ import annotations

import ast
import builtins
import os
import sys

import pytest
from derived import derivation
from target_cases import IDS

from nnmath import cli
from nnmath.numeric.numpy_code.names import CALLS
from nnmath.numeric.numpy_code.text import WRITE
from nnmath.numeric.targets import TARGETS, UnknownTarget, generate
from nnmath.numeric.targets.jax_writer import JAX
from nnmath.numeric.targets.tensor_text import AS_IN_NUMPY, SHARED, Language
from nnmath.numeric.targets.torch_writer import TORCH


def test_the_command_offers_every_target() -> None:
    assert tuple(TARGETS) == cli.TARGETS


def test_an_unknown_target_names_the_known_ones() -> None:
    with pytest.raises(UnknownTarget, match=r"no target is called 'fortran'. Targets: numpy"):
        generate(derivation("silu"), "fortran")


def test_the_command_refuses_an_unknown_target(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["code", "silu", "--target", "fortran"]) == cli.USAGE
    assert "numpy" in capsys.readouterr().err


#: Made for NumPy only, when the text of a function is written or a form for moderate entries.
OF_NUMPY = {
    *("vecdot", "vdot", "inner", "sum_each_row", "sum_exponentials", "sum_rows", "sum_products", "count_nonzero"),
    *("place", "rest", "one_of", "row_max", "beyond", "precise_tanh", "precise_softplus", "normal_tail"),
    *("centred", "row_squares", "squares_again"),
}


@pytest.mark.parametrize("language", [TORCH, JAX], ids=lambda language: language.title)
def test_a_language_has_every_function_and_operation(language: Language) -> None:
    assert set(CALLS) - OF_NUMPY <= {*language.calls, *language.write}
    assert set(WRITE) - OF_NUMPY <= {*language.write, *SHARED, *AS_IN_NUMPY}
    assert {h for h in language.calls.values() if h.startswith("_")} <= set(language.helpers)


#: Helpers of several kinds, labels, windows, two variables, options.
PRINTED = ("softmax-ce-labels", "conv1d", "prelu", "rmsnorm")


@pytest.mark.parametrize("id", IDS if os.environ.get("NNMATH_THOROUGH") else PRINTED)
@pytest.mark.parametrize("target", ["torch", "jax"])
def test_a_module_defines_what_it_uses(target: str, id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, target, None)  # to print it, the library is not needed
    tree = ast.parse(generate(derivation(id), target).source)
    defined = [n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.ClassDef)]
    top = [n.name for n in tree.body if isinstance(n, ast.FunctionDef | ast.ClassDef)]
    assert len(set(top)) == len(top)  # nothing shadows a helper
    bound = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    bound |= {a.arg for n in ast.walk(tree) if isinstance(n, ast.arguments) for a in (*n.args, *n.kwonlyargs)}
    bound |= {a.arg for n in ast.walk(tree) if isinstance(n, ast.arguments) for a in (n.vararg, n.kwarg) if a}
    bound |= {a.asname or a.name for n in ast.walk(tree) if isinstance(n, ast.Import | ast.ImportFrom) for a in n.names}
    read = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}
    assert read <= {*defined, *bound, *vars(builtins)}
