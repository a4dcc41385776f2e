"""The table of target languages."""

from __future__ import annotations

import pytest
from derived import derivation

from nnmath import cli
from nnmath.numeric.targets import TARGETS, UnknownTarget, generate


def test_the_command_offers_every_target() -> None:
    assert tuple(TARGETS) == cli.TARGETS


def test_an_unknown_target_names_the_known_ones() -> None:
    with pytest.raises(UnknownTarget, match=r"no target is called 'fortran'. Targets: numpy"):
        generate(derivation("silu"), "fortran")


def test_the_command_refuses_an_unknown_target(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["code", "silu", "--target", "fortran"]) == cli.USAGE
    assert "numpy" in capsys.readouterr().err
