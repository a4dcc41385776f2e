"""The catalogue: what is in it, how it is found, and what becomes of a broken entry."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

from nnmath.calculus.parser import parse_claim, parse_definitions, parse_givens
from nnmath.calculus.tensors import Tensor
from nnmath.derivations import Entry, ParameterError, UnknownEntry, catalogue, find, problems, scan, topics

FOUR_FAMILIES = """
    dense backprop mlp-softmax mlp-deep
    identity step sigmoid log-sigmoid tanh softsign
    relu leaky-relu prelu rrelu squared-relu elu selu celu
    relu6 hardtanh hardsigmoid hardswish
    gelu gelu-tanh silu swish softplus mish
    softshrink hardshrink threshold tanhshrink
    softmax softmin maxout
    glu reglu geglu swiglu
    softmax-jacobian log-softmax softmax-ce softmax-ce-labels softmax-ce-hessian bce-with-logits
    kl-ce
""".split()

ENTRIES = [entry.at() for entry in catalogue().values()]
each_entry = pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: e.id)


def test_the_four_families_are_there_in_page_order() -> None:
    assert [name for name in catalogue() if name in FOUR_FAMILIES] == FOUR_FAMILIES
    assert problems() == ()
    assert all(topic in topics() for topic in {e.topic for e in ENTRIES})


@each_entry
def test_givens_and_definitions_parse(entry: Entry) -> None:
    givens = parse_givens(entry.given)
    definitions = parse_definitions(entry.define, givens)
    assert (givens or definitions) and (entry.wanted or entry.proof)


@each_entry
def test_claims_parse_with_the_shape_of_what_they_claim(entry: Entry) -> None:
    givens = parse_givens(entry.given)
    tensors = {t.name: t for t in (*givens, *(d.tensor for d in parse_definitions(entry.define, givens)))}
    tensors |= {f"d{t.name}": Tensor(f"d{t.name}", t.dims) for t in tensors.values() if f"d{t.name}" not in tensors}
    for wanted, claim in entry.claim.items():
        of, wrt = wanted.removesuffix(" in output").split("/")
        twice = of.startswith("d2")
        output, variable = tensors[of.removeprefix("d2" if twice else "d")], tensors[wrt[1 : -1 if twice else None]]
        parse_claim(claim, tensors, output.dims + variable.dims * (2 if twice else 1))


@each_entry
def test_the_torch_forward_takes_the_givens(entry: Entry) -> None:
    """What has code is checked against torch; a statement has none."""
    assert (entry.torch is not None) == bool(entry.wanted or entry.state)
    if entry.torch is None:
        assert entry.proof and entry.kind != "gradient"
        return
    names = ["torch", *(t.name for t in parse_givens(entry.given))]
    if entry.kind == "update":  # takes what torch.optim takes, and the options
        taken = inspect.signature(entry.torch).parameters
        assert set(taken) <= {*names, *catalogue()[entry.id].parameters, "lam", "mu", "tau", "gamma"}
        return
    inspect.signature(entry.torch).bind(**dict.fromkeys(names))


@each_entry
def test_every_page_has_conventions_and_references(entry: Entry) -> None:
    assert entry.conventions and entry.references
    assert all(used in catalogue() for used in entry.uses)


@pytest.mark.parametrize("depth", [1, 2, 5])
def test_parameters_fill_the_texts_in(depth: int) -> None:
    entry = find("mlp-deep").at(depth=depth)
    givens = parse_givens(entry.given)
    assert len(givens) == 2 * depth + 2 and len(entry.wanted) == 2 * depth
    assert len(parse_definitions(entry.define, givens)) == 2 * depth + 1


@pytest.mark.parametrize(
    ("id", "parameters", "part"),
    [
        ("mlp-deep", {"deep": 3}, "its parameters: depth=3"),
        ("softmax-ce", {"depth": 3}, "its parameters: none"),
        ("mlp-deep", {"depth": 0}, "from 1 to 64"),
        ("mlp-deep", {"depth": 2.5}, "such as depth=3"),
        ("mlp-deep", {"depth": True}, "whole number"),
    ],
)
def test_wrong_parameters(id: str, parameters: dict[str, int], part: str) -> None:
    with pytest.raises(ParameterError, match=part):
        find(id).at(**parameters)


@pytest.mark.parametrize(
    ("id", "first"),
    [
        ("sotfmax-ce", "softmax-ce"),
        ("softmaxx", "softmax"),
        ("softmax_ce", "softmax-ce"),
        ("linear", "dense"),
        ("fully-connected", "dense"),
        ("cross entropy", "softmax-ce"),
        ("CrossEntropyLoss", "softmax-ce"),
        ("BCEWithLogitsLoss", "bce-with-logits"),
        ("SmoothL1Loss", "smooth-l1"),
        ("l2", "l2-penalty"),
        ("MaxPool2d", "max-pool2d"),
        ("conv", "conv1d"),
        ("glorot", "xavier-init"),
        ("scaled_dot_product_attention", "attention"),
        ("long short-term", "lstm"),
    ],
)
def test_an_unknown_id_gets_suggestions(id: str, first: str) -> None:
    with pytest.raises(UnknownEntry, match=f"Did you mean {first}(\\?| or )"):
        find(id)


@pytest.mark.parametrize("id", ["", "--", "zzzzzz"])
def test_what_is_like_no_id_gets_none(id: str) -> None:
    with pytest.raises(UnknownEntry, match=f"no entry is called {id!r}. All ids: nnmath list"):
        find(id)


def test_names_are_none_that_another_entry_has() -> None:
    """As an id, or as a name of its own: whoever types it means one of them."""
    names = [name for e in catalogue().values() for name in (e.id, *e.names)]
    assert len({re.sub(r"[\W_]", "", name.lower()) for name in names}) == len(names)


def test_the_catalogue_imports_nothing_heavy() -> None:
    code = (
        "import sys, nnmath; list(nnmath.catalogue()); "
        "print([m for m in ('sympy', 'numpy', 'torch', 'rich', 'flint') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


GOOD = 'Entry(id="{id}", title="T", given="x: real", define="y = x**2", wanted=("dy/dx",))\n'
HEAD = "from nnmath.derivations import Entry\n"


def write(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")


def test_discovery_needs_a_file_and_nothing_else(tmp_path: Path) -> None:
    write(tmp_path, "powers/__init__.py", '"""Powers of numbers"""\nPAGE = ("cube", "nothing-yet")\n')
    write(tmp_path, "powers/a.py", HEAD + "one = " + GOOD.format(id="square") + "two = " + GOOD.format(id="cube"))
    write(tmp_path, "other/b.py", HEAD + "again = " + GOOD.format(id="root"))
    found = scan(tmp_path)
    assert found.problems == ()
    assert list(found.entries) == ["root", "cube", "square"]
    assert found.titles == {"other": "other", "powers": "Powers of numbers"}
    assert found.entries["cube"].topic == "powers"


@pytest.mark.parametrize(
    ("text", "line", "part"),
    [
        ("x = (", 1, "SyntaxError"),
        ("\n\nimport no_such_module", 3, "no_such_module"),
        (HEAD + "one = Entry(id='a')", 2, "missing"),
        (HEAD + "one = Entry(id='a', title='T')", 2, "nothing is wanted or stated"),
        (HEAD + "one = Entry(id='a', title='T', wanted=('dy/dx',))", 2, "nothing is given or defined"),
        (HEAD + "one = " + GOOD.format(id="a").replace("))\n", '), proof=("a <= b",))\n'), 2, "a tuple of statements"),
        (HEAD + "one = " + GOOD.format(id="a").replace("))\n", '), assume="x > 0")\n'), 2, "a mapping such as"),
        (HEAD + "one = " + GOOD.format(id="a").replace("title", "titel"), 2, "titel"),
        (HEAD + "one = " + GOOD.format(id="Not An Id"), 2, "small letters"),
        (HEAD + "\none = " + GOOD.format(id="a").replace('("dy/dx",)', '("dy/dx")'), 3, "a tuple of texts"),
        (HEAD + "one = " + GOOD.format(id="a").replace('title="T"', "title=3"), 2, "title=3; expected is a text"),
        (HEAD + "one = " + GOOD.format(id="a").replace("))\n", '), claim={"dz/dx": "1"})\n'), 2, "not wanted"),
        (HEAD + "one = " + GOOD.format(id="a").replace("))\n", '), kind="theorem")\n'), 2, "one of gradient"),
        (HEAD + "one = " + GOOD.format(id="good"), 2, "is taken by"),
    ],
)
def test_a_broken_entry_is_refused_and_the_rest_works(tmp_path: Path, text: str, line: int, part: str) -> None:
    write(tmp_path, "t/a_good.py", HEAD + "one = " + GOOD.format(id="good"))
    write(tmp_path, "t/broken.py", text)
    found = scan(tmp_path)
    assert list(found.entries) == ["good"]
    (problem,) = found.problems
    assert problem.startswith(f"{tmp_path / 't' / 'broken.py'}:{line}: ")
    assert part in problem
