"""The examples run as documented and come to what they say."""

from __future__ import annotations

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

FOLDER = Path(__file__).parents[1] / "examples"


def load(name: str) -> ModuleType:
    spec = spec_from_file_location(name, FOLDER / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_generated_code_trains() -> None:
    losses = load("own_formula").train()
    assert losses[-1] < 0.01 * losses[0]


def test_the_forgotten_scale_is_found() -> None:
    assert load("check_my_backward").judge() == ["proved", "wrong"]
