"""A second function for long arrays whose entries are mostly of moderate size: shorter, and for those entries only.

It writes its results into arrays that it is given. ``_mostly_near`` calls it block by block, and the function itself
for the entries that are elsewhere.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Sequence

from .. import program
from ..array_function import ArrayFunction
from ..costs import cost
from ..plans import fresh_name
from .array_bounds import with_array_bounds
from .entry_buffers import FEWEST, flattened, reuse_entries
from .in_place import OPERATORS
from .shared_exponentials import with_shared_exponentials
from .text import WIDEST, Writer

#: The share of the cost that a second form must save.
WORTH = 0.2

#: A parameter that is off by no more than this share of its default moves the ends of the interval by as much.
AS_GOOD_AS = 1e-5


def is_worth_it(function: ArrayFunction) -> bool:
    """Whether a function has a form for entries of moderate size that is much cheaper."""
    near = function.near
    return near is not None and cost([node for _, node in near.assigned]) <= (1 - WORTH) * cost(function.roots)


def name_of(function: ArrayFunction) -> str:
    return f"_{function.name}_near"


def near_function(function: ArrayFunction) -> tuple[str, Sequence[str]]:
    """Its text, and the helpers that it calls."""
    near = function.near
    assert near is not None
    writer = Writer(function.taken | {"np", "math"}, f"{function.anchor}.dtype")
    names = [name for name, _ in near.assigned]
    nodes = with_array_bounds(with_shared_exponentials([node for _, node in near.assigned]))
    lines = writer.assign(list(zip(names, nodes, strict=True)), [program.name(n, 0) for n in names])
    arguments = [a.name for a in function.arguments]
    floats = {name for node, name in writer.names.items() if node.kind == "float" and node.op != "name"}
    numbers = {a.name for a in function.arguments if a.default is not None}
    *body, _ = (step for line in reuse_entries(lines, arguments, floats) for step in _step_by_step(line, numbers))
    body = _overwritten(body, numbers)
    results = {name: fresh_name(f"{name}_out", writer.taken) for name in names}
    head = f"def {name_of(function)}({', '.join((*arguments, *results.values()))}):"
    where = [f"{near.low:g} <= {near.variable} <= {near.high:g}", *(f"{n} is {v:g}" for n, v in near.defaults.items())]
    doc = f'"""{function.name} where {" and ".join(where)}, into the arrays given last."""'
    return "\n".join([head, f"    {doc}", *(f"    {x}" for x in _into(body, results))]), tuple(writer.helpers)


def _step_by_step(line: str, numbers: Collection[str]) -> list[str]:
    """One line as several that overwrite the array which the first of them makes: all arrays are alike here.

    numbers: names of arguments that are no arrays.
    """
    line = re.sub(r"^(\w+) = \1 ([-+*/]) (\w+)$", r"\1 \2= \3", line)
    found = re.fullmatch(r"(\w+) = (.*)", line)
    value = ast.parse(found[2], mode="eval").body if found else None
    if found is None or value is None or any(isinstance(n, ast.Name) and n.id == found[1] for n in ast.walk(value)):
        return [line]
    name, last = found[1], []
    if isinstance(value, ast.Call) and ast.unparse(value.func).startswith("np.") and len(value.args) == 1:
        last, value = [f"{ast.unparse(value.func)}({name}, out={name})"], value.args[0]
    first, chain = flattened(value)
    if not isinstance(value, ast.BinOp) or len(chain) + len(last) < FEWEST:
        return [line]
    made, at = _operand(found[2], first, ast.Mult()), 0
    while at < len(chain) and (at == 0 or _is_number(made, numbers)):
        op, right = chain[at]
        made, at = f"{made} {OPERATORS[type(op)][0]} {_operand(found[2], right, op)}", at + 1  # type: ignore[index]
    steps = ((OPERATORS[type(op)][0], _operand(found[2], right)) for op, right in chain[at:])  # type: ignore[index]
    return [f"{name} = {made}", *(f"{name} {sign}= {text}" for sign, text in steps), *last]


def _operand(text: str, e: ast.expr, under: object = None) -> str:
    """An operand as it stands in the text of a line, in parentheses where the operator above it needs them."""
    source = ast.get_source_segment(text, e) or ast.unparse(e)
    product = isinstance(e, ast.BinOp) and isinstance(e.op, ast.Mult | ast.Div)
    plain = not isinstance(e, ast.BinOp | ast.Compare) or (product and isinstance(under, ast.Add | ast.Sub))
    return source if plain or under is None else f"({source})"


def _is_number(text: str, numbers: Collection[str]) -> bool:
    names = [n.id for n in ast.walk(ast.parse(text, mode="eval")) if isinstance(n, ast.Name)]
    return all(n in numbers for n in names)


def _into(lines: Sequence[str], results: dict[str, str]) -> list[str]:
    """The lines, in which each name that is returned is made in an array that was given, or at last written into it."""
    found = list(lines)
    for name, out in results.items():
        first, root = _creation(found, name, results)
        if first is not None:
            found[first] = f"{root} = {_written(found[first], root, out)}"
        at = max(k for k, line in enumerate(found) if re.match(rf"{name} [-+*/]?= ", line))
        if at == first:
            first = None if any(re.search(rf"\b{name}\b", line) for line in found[at + 1 :]) else first
            found[at] = found[at].removeprefix(f"{name} = ") if first is not None else found[at]
        elif first is None and (made := _written(found[at], name, out)) is not None:
            later = any(re.search(rf"\b{name}\b", line) for line in found[at + 1 :])
            found[at] = f"{name} = {made}" if later else made
        elif first is None:
            found.append(f"{out}[...] = {name}")
    for out in results.values():
        found = _operand_into(found, out)
    return found


def _operand_into(lines: Sequence[str], out: str) -> list[str]:
    """The lines, in which an operand of what is written into an array was made there, if it is its only last reader."""
    found = list(lines)
    at = next((k for k, line in enumerate(found) if re.search(rf"\b{out}\b", line)), len(found))
    written = re.fullmatch(rf"(?:\w+ = )?np\.\w+\((\w+), (\w+), out={out}\)", found[at]) if at < len(found) else None
    for name in written.groups() if written else ():
        first, root = _creation(found, name, ())
        alone = first is not None and root == name and not found[at].startswith(f"{name} = ")
        readers = [line for line in found[first or 0 :] if re.search(rf"\b{name}\b", line)]
        others = [x for x in readers if x.endswith(f" = {name}")]
        if alone and not others and readers[-1] is found[at] and first is not None and first < at:
            found[first] = f"{name} = {_written(found[first], name, out)}"
            return found
    return found


def _creation(lines: Sequence[str], name: str, results: Collection[str]) -> tuple[int | None, str]:
    """The line that makes the array which a name has at last, and its name there.

    None where it is made more than once, where it is another result, or by no single operation of NumPy.
    """
    at = [k for k, line in enumerate(lines) if line.startswith(f"{name} = ")]
    if len(at) != 1:
        return None, name
    text = lines[at[0]].partition(" = ")[2]
    if text.isidentifier():
        read = any(re.search(rf"\b{text}\b", line) for line in lines[at[0] + 1 :])
        return (None, name) if text in results or read else _creation(lines, text, results)
    return (None if "out=" in text or _written(lines[at[0]], name, "") is None else at[0]), name


def _overwritten(lines: Sequence[str], numbers: Collection[str]) -> list[str]:
    """The lines, in which a number times an array that nothing reads later overwrites that array."""
    found: list[str] = []
    for at, line in enumerate(lines):
        name, _, text = line.partition(" = ")
        value = ast.parse(text, mode="eval").body if text else None
        if isinstance(value, ast.BinOp) and isinstance(value.op, ast.Mult) and isinstance(value.right, ast.Name):
            other, factor = value.right.id, ast.get_source_segment(text, value.left) or ""
            made_here = any(x.startswith(f"{other} = ") for x in found)
            made_here = made_here and not any(x.endswith(f" = {other}") for x in found)  # it has no other name
            read = any(re.search(rf"\b{other}\b", x) for x in lines[at + 1 :])
            if made_here and not read and _is_number(factor, numbers):
                found += [f"{name} = {other}", f"{name} *= {factor}"]
                continue
        found.append(line)
    return found


def _written(line: str, name: str, out: str) -> str | None:
    """The right side of an assignment, written into an array; None where it is no operation of NumPy."""
    _, sign, text = re.fullmatch(rf"({name}) ([-+*/]?)= (.*)", line).groups()  # type: ignore[union-attr]
    value = ast.parse(text, mode="eval").body
    if sign:
        operation = next(function for symbol, function in OPERATORS.values() if symbol == sign)
        return f"np.{operation}({name}, {text}, out={out})"
    if isinstance(value, ast.BinOp) and type(value.op) in OPERATORS:
        left, right = (ast.get_source_segment(text, v) for v in (value.left, value.right))
        return f"np.{OPERATORS[type(value.op)][1]}({left}, {right}, out={out})"
    if isinstance(value, ast.Call) and ast.unparse(value.func).startswith("np."):
        return f"{text[:-1]}, out={out})"
    return None


def opening(function: ArrayFunction, conditions: Sequence[str], passed: str) -> list[str]:
    """The lines that compute long arrays so.

    conditions: that arrays are long, and alike. passed: the function and its arguments.
    """
    near = function.near
    assert near is not None
    defaults = [f"abs({name} - {value!r}) <= {abs(value) * AS_GOOD_AS:.2g}" for name, value in near.defaults.items()]
    head = f"if {' and '.join((*conditions, *defaults))}:"
    given = f"{name_of(function)}, {len(near.assigned)}, {near.low!r}, {near.high!r}, {passed}"
    call = f"    return _mostly_near({given})"
    return [head, call] if len(call) <= WIDEST else [head, "    return _mostly_near(", f"        {given}", "    )"]
