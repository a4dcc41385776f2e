"""The way from a torch function or method to the table, and back: names, in-place forms, attributes, refusals."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from .masked import Masked
from .session import untraceable
from .symbolic import SymbolicArray, is_symbolic
from .torch_attributes import ATTRIBUTES, RANDOM, SHAPE_CHANGING
from .torch_creation import CREATION, FACTORIES
from .torch_tape import recorded, refuse_write
from .torch_tensor import holds_formulas, is_symbolic_tensor, unwrapped, wrapped

#: Options of torch functions that no formula depends on.
IGNORED = (
    "device",
    "layout",
    "pin_memory",
    "memory_format",
    "non_blocking",
    "requires_grad",
    "generator",
    "_stacklevel",
)
#: Names that NumPy's users may write for torch's own.
SYNONYMS = {"axis": "dim", "keepdims": "keepdim", "x": "input", "x1": "input", "x2": "other"}
#: Operators and other names for functions of the table.
NAMES = {
    **{f"__{name}__": name for name in ("add", "sub", "mul", "pow", "matmul", "neg", "abs", "pos")},
    **{f"__{name}__": name for name in ("lt", "le", "gt", "ge", "eq", "ne")},
    **{f"__r{name}__": f"r{name}" for name in ("sub", "div", "pow", "matmul")},
    **{"__radd__": "add", "__rmul__": "mul", "__rtruediv__": "rdiv", "__truediv__": "div", "__div__": "div"},
    **{"__and__": "bitwise_and", "__or__": "bitwise_or", "__xor__": "bitwise_xor", "__invert__": "bitwise_not"},
    **{"__rand__": "bitwise_and", "__ror__": "bitwise_or", "__rxor__": "bitwise_xor"},
    **{f"__i{name}__": f"{name}_" for name in ("add", "sub", "mul", "pow")},
    **{"__itruediv__": "div_", "__idiv__": "div_", "__iand__": "bitwise_and_", "__ior__": "bitwise_or_"},
}


@cache
def rules() -> dict[str, Callable[..., Any]]:
    """Torch functions by name; a method that differs from the function of its name is ``Tensor.NAME``."""
    from .torch_arranging import MOVING
    from .torch_elementwise import ELEMENTWISE
    from .torch_functional import FUNCTIONAL
    from .torch_losses import LOSSES
    from .torch_reductions import PRODUCTS, REDUCTIONS

    return {**CREATION, **ELEMENTWISE, **REDUCTIONS, **PRODUCTS, **MOVING, **FUNCTIONAL, **LOSSES}


def name_of(function: Any) -> str:
    """The name of a torch function in the table."""
    name = getattr(function, "__name__", str(function))
    if name in ("__get__", "__set__"):
        attribute = getattr(getattr(function, "__self__", None), "__name__", "?")
        return f".{attribute}" if name == "__get__" else f".{attribute} ="
    name = NAMES.get(name, name)
    for prefix in ("special_", "_nn_"):
        name = name.removeprefix(prefix)
    return name


def shown(function: Any, name: str) -> str:
    """A torch function as one writes it."""
    if name.startswith("."):
        return f"the attribute {name} of a tensor"
    module = getattr(function, "__module__", None) or ""
    plain = getattr(function, "__name__", name).removeprefix("linalg_").removeprefix("special_")
    where = "linalg." if "linalg" in module or name.startswith("linalg_") else ""
    where = "nn.functional." if "functional" in module and module != "torch.functional" else where
    where = "autograd." if module == "torch.autograd" else where
    return f"torch.{where}{plain}"


def apply(function: Any, arguments: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """A torch function on symbolic tensors, by its rule in the table; a call without any is torch's own."""
    name = name_of(function)
    if name in RANDOM or name.rstrip("_") in RANDOM:
        raise untraceable(shown(function, name), "the result is different every time")
    if name not in FACTORIES and not holds_formulas(arguments) and not holds_formulas(options):
        return function(*arguments, **options)
    if name in ATTRIBUTES:
        return ATTRIBUTES[name](*arguments, **options)
    given = {SYNONYMS.get(k, k): v for k, v in options.items() if k not in IGNORED}
    out = given.pop("out", None)
    if out is not None:
        raise untraceable(shown(function, name), "the option out= is not in the table")
    if name == "__setitem__":
        return _set_item(*arguments)
    if given.pop("inplace", False):
        name += "_"
    table = rules()
    is_method = type(function).__name__ in ("method_descriptor", "wrapper_descriptor", "function")
    rule = (table.get(f"Tensor.{name}") if is_method else None) or table.get(name)
    if rule is not None:
        found = _called(rule, shown(function, name), tuple(map(unwrapped, arguments)), unwrapped(given))
        return wrapped(recorded(found))
    base = name.removesuffix("_")
    rule = table.get(f"Tensor.{base}") or table.get(base)
    if name.endswith("_") and rule is not None and base not in SHAPE_CHANGING and not name.startswith("__"):
        return _in_place(rule, shown(function, name), arguments, given)
    raise untraceable(shown(function, name), "it is not in the table of operations")


def _called(rule: Callable[..., Any], operation: str, arguments: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """The rule on its arguments; an option that it does not have is named."""
    try:
        return rule(*arguments, **options)
    except TypeError as error:
        if "argument" not in str(error):
            raise
        raise untraceable(operation, f"it is called in a form that is not in the table: {error}") from None


def _target(value: Any, operation: str) -> SymbolicArray:
    """The array that is written."""
    if not is_symbolic_tensor(value):
        raise untraceable(operation, "the result is written into a tensor that was made outside of the trace")
    if is_symbolic(value.array):
        refuse_write(value.array, operation)
    return value.array  # type: ignore[no-any-return]


def _in_place(rule: Callable[..., Any], operation: str, arguments: tuple[Any, ...], options: dict[str, Any]) -> Any:
    target: Any = _target(arguments[0], operation)
    found = recorded(_called(rule, operation, tuple(map(unwrapped, arguments)), unwrapped(options)))
    if type(target) is Masked:
        return wrapped(found)  # an assignment follows: x[mask] *= 2 writes x[mask] back
    if not is_symbolic(found):
        raise untraceable(operation, "it has no one result to be written back")
    target.assign(found.entries, found.kind, operation)
    return arguments[0]


def _set_item(target: Any, index: Any, value: Any) -> None:
    from .indexing import put
    from .torch_indexing import indexed

    array = _target(target, "an assignment")
    array, rest = indexed(array, unwrapped(index))
    new = unwrapped(value)
    put(array, rest, recorded(new) if is_symbolic(new) else new)
