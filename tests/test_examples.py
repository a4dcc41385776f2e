"""The examples run as documented and come to what they say."""

from __future__ import annotations

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

FOLDER = Path(__file__).parents[1] / "examples"


def load(name: str) -> ModuleType:
    spec = spec_from_file_location(name, FOLDER / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up there
    spec.loader.exec_module(module)
    return module


def test_generated_code_trains() -> None:
    losses = load("own_formula").train()
    assert losses[-1] < 0.01 * losses[0]


def test_the_forgotten_scale_is_found() -> None:
    assert load("check_my_backward").judge() == ["proved", "wrong"]


def test_the_digits_are_learnt(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("sklearn", reason="the digits come with scikit-learn; type: pip install scikit-learn")
    digits = load("digits")
    losses, accuracy = digits.train(epochs=15)
    assert accuracy >= 0.96 and losses[-1] < 0.1 * losses[0]
    digits.show(losses, None)
    assert "loss" in capsys.readouterr().out


def test_without_scikit_learn_there_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn", None)
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(SystemExit, match=r"pip install 'nnmath\[examples\]'"):
        load("digits").train()


def test_without_matplotlib_a_picture_is_refused_and_the_line_is_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(SystemExit, match="matplotlib"):
        load("digits").show([8.0, 2.0, 1.0], "loss.png")
    assert "█▃▁" in capsys.readouterr().out


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_large_network_stays_beside_torch(dtype: str) -> None:
    pytest.importorskip("torch", reason="the example compares with torch; type: pip install torch")
    lines: list[str] = []
    steps = load("mlp_784").train(steps=6, dtype=getattr(np, dtype), say=lines.append)
    assert len(lines) == 6 and "ULP" in lines[0]
    assert steps[-1].loss < 0.7 * steps[0].loss
    assert max(step.difference for step in steps) < 64
