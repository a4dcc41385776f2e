"""What is shipped: the package list, the wheel's content, the names left in site-packages."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

import nnmath

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
ROOMS = ("calculus", "commands", "derivations", "numeric", "rendering", "verification", "benchmarks/speed")


def folders_with_code() -> set[str]:
    found = {"nnmath"}
    for room in ROOMS:
        for path in (ROOT / room).rglob("*.py"):
            found.add(".".join(("nnmath", *path.relative_to(ROOT).parent.parts)))
    return found


def test_the_package_list_is_the_folders_on_disk() -> None:
    assert set(PROJECT["tool"]["setuptools"]["packages"]) == folders_with_code()


def test_every_package_has_an_init() -> None:
    for package in folders_with_code():
        assert (ROOT / Path(*package.split(".")[1:]) / "__init__.py").is_file(), package


def test_the_version_is_stated_once() -> None:
    assert PROJECT["project"]["version"] == nnmath.__version__


def test_every_requirement_is_pinned() -> None:
    project = PROJECT["project"]
    wanted = [*project["dependencies"], *(r for extra in project["optional-dependencies"].values() for r in extra)]
    pins = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    for requirement in wanted:
        name = requirement.split(">")[0]
        assert f"\n{name}==" in pins, f"{name} is not in constraints.txt"


def test_the_wheel_holds_nnmath_and_nothing_else(tmp_path: Path) -> None:
    pytest.importorskip("setuptools", reason="building a wheel needs setuptools")
    source = tmp_path / "some-checkout"
    ignore = shutil.ignore_patterns(".*", "__pycache__", "build", "dist", "*.egg-info")
    shutil.copytree(ROOT, source, ignore=ignore)
    code = "from setuptools import build_meta; print(build_meta.build_wheel('..'))"
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    done = subprocess.run([sys.executable, "-c", code], cwd=source, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("nnmath-*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names} == {"nnmath", f"nnmath-{nnmath.__version__}.dist-info"}
    shipped = {name for name in names if name.startswith("nnmath/") and name.endswith(".py")}
    expected = {f"nnmath/{p.name}" for p in ROOT.glob("*.py")}
    expected |= {f"nnmath/{p.relative_to(ROOT)}" for room in ROOMS for p in (ROOT / room).rglob("*.py")}
    assert shipped == expected


def test_no_file_is_written_for_one_machine() -> None:
    marks = ("/wo" + "rk/", "/tm" + "p/", "/ho" + "me/")
    for path in ROOT.rglob("*"):
        parts = path.relative_to(ROOT).parts
        if path.suffix in {".py", ".toml", ".md", ".txt"} and not any(p.startswith(".") or p == "build" for p in parts):
            text = path.read_text(encoding="utf-8")
            assert not [m for m in marks if m in text], path
