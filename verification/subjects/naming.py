"""The names that people give to gradients, upstream gradients, caches and learning rates."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import re
import textwrap
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from .protocol import Named

_UPSTREAM = re.compile(
    r"(d|g|gy|gout|gO|ct|d_?(out|o|y|z|h|a|s|p|l|loss|u|x|values|v|next|top|chain|ys|outputs?|logits|probs?|c|r)|"
    r"d[A-Z]\w*|d_\w+|dl_d\w+|.*grad.*|upstream\w*|(out|output|next|upper)_?(err|error)s?|delta\w*|cotangent\w*|adjoint\w*|adj|err|error)",
)
_NOT_UPSTREAM = re.compile(r"(d_model|d_k|d_in|d_out_features|d_ff|d_head|dim\w*|data|dtype|device|depth|dropout\w*)")
_RATE = re.compile(r"(lr|learning_?rate|eta|alpha|step_?size|rate)", re.IGNORECASE)
_CACHE = re.compile(r"(cache\w*|saved\w*|ctx|context|memo|state|residuals?|tape|\w*_cache)", re.IGNORECASE)

_LOSS = re.compile(r"(l|j|value|objective|nll|mse|bce|ce|.*(loss|cost)|(loss|cost)_.*)", re.IGNORECASE)
_OUTPUT = re.compile(r"(y|o|f|fx|out|output|outputs|value|result|y_?(hat|pred)|preds?|predictions?)", re.IGNORECASE)

_TARGETS = frozenset({"y", "label", "labels", "target", "targets", "t", "onehot", "ytrue"})
_PREDICTED = re.compile(r"yhat|ypred|pred|preds|predictions?")
_SETTING = re.compile(
    r"lam(bda?)?_?\d?|l[12]|reg(ulari[sz]ation)?|c|margin|delta|eps(ilon)?|weight_?decay|wd|tau", re.IGNORECASE
)
#: Tables and draws that a torch Function takes and has no gradient of.
_FIXED = frozenset({"cos", "sin", "freqs", "freqscis", "mask", "attnmask", "dropoutmask", "noise", "positions"})
#: Names that stand for the same thing; used where no tensor has the name itself.
ALIASES: tuple[frozenset[str], ...] = (
    frozenset({"w", "weight", "weights", "kernel", "theta", "gamma", "scale", "g", "gain"}),
    frozenset({"b", "bias", "biases", "beta", "shift"}),
    frozenset({"x", "input", "inputs", "inp", "aprev", "xs", "a", "features"}),
    _TARGETS,
    frozenset({"z", "logit", "logits", "x", "score", "scores", "input", "inputs"}),
    frozenset({"q", "query", "queries"}),
    frozenset({"k", "key", "keys"}),
    frozenset({"v", "value", "values"}),
)
_DECORATIONS = ("dlossd", "dld", "gradof", "gradient", "grads", "grad", "nabla", "delta", "dl", "d", "g")
_CONTAINERS = frozenset({"self", "grads", "grad", "gradients", "gradient", "dparams", "params", "derivatives"})


def is_upstream(name: str) -> bool:
    return bool(_UPSTREAM.fullmatch(name)) and not _NOT_UPSTREAM.fullmatch(name)


def is_target(name: str) -> bool:
    """Whether a parameter is what a prediction is compared with, and not something to learn."""
    return _bare(name) in _TARGETS


def is_fixed(name: str) -> bool:
    """Whether a parameter is what nobody learns: a target, a table, a mask."""
    return is_target(name) or _bare(name) in _FIXED


def is_setting(name: str) -> bool:
    """Whether a number is a setting, such as the strength of a penalty, of which few take the gradient."""
    return is_rate(name) or bool(_SETTING.fullmatch(name))


def is_rate(name: str) -> bool:
    return bool(_RATE.fullmatch(name))


def is_cache(name: str) -> bool:
    return bool(_CACHE.fullmatch(name))


def is_loss_name(name: str) -> bool:
    """Whether a returned value by this name is the loss."""
    return bool(_LOSS.fullmatch(name))


def is_output_name(name: str) -> bool:
    """Whether a returned value by this name is what a layer puts out."""
    return bool(_OUTPUT.fullmatch(name))


def matching(name: str, names: Iterable[str], *, aliases: bool = True) -> str | None:
    """The one of the names that this one means: the same, the same but for case and underscores, or an alias."""
    names = tuple(names)
    if name in names:
        return name
    for key in (_plain, _bare):
        same = [n for n in names if key(n) == key(name)]
        if len(same) == 1:
            return same[0]
    if not aliases:
        return None
    for group in ALIASES:
        if _bare(name) in group:
            same = [n for n in names if _bare(n) in group]
            if len(same) == 1:
                return same[0]
    return None


def predicted(name: str, names: Iterable[str]) -> str | None:
    """The one of the names that a parameter called ``y_pred`` means, beside a target: Y, or p."""
    if not _PREDICTED.fullmatch(_bare(name)):
        return None
    same = [n for n in names if _bare(n) in ("y", "p") or _PREDICTED.fullmatch(_bare(n))]
    return same[0] if len(same) == 1 else None


def _plain(name: str) -> str:
    return name.casefold()


def _bare(name: str) -> str:
    return re.sub(r"[\W_]", "", name).casefold()


def target_of(name: str | None, names: Sequence[str]) -> str | None:
    """The tensor that a gradient called ``dW1``, ``grad_W1``, ``W1_grad``, ``grads.W1`` or ``W1`` belongs to."""
    if not name:
        return None
    tokens = [t for t in re.split(r"\W+", name) if t]
    inner = [t for t in tokens if t.casefold() not in _CONTAINERS] or tokens
    core = inner[-1]
    stems = [core]
    for prefix in _DECORATIONS:
        if _plain(core).startswith(prefix) and len(core) > len(prefix):
            stems.append(core[len(prefix) :].lstrip("_"))
    for suffix in ("_grad", "_gradient", "grad", "_g", "_bar"):
        if _plain(core).endswith(suffix) and len(core) > len(suffix):
            stems.append(core[: -len(suffix)])
    for aliases in (False, True):
        for stem in reversed(stems) if len(stems) > 1 and core not in names else stems:
            if stem and (found := matching(stem, names, aliases=aliases)):
                return found
    return None


def is_gradient_name(path: str) -> bool:
    """Whether an attribute by this name holds a gradient, judged by the name alone."""
    tokens = [t.casefold() for t in re.split(r"\W+", path) if t]
    last = re.split(r"\W+", path)[-1]
    return (
        any("grad" in t for t in tokens)
        or bool(re.match(r"(d_?[A-Z]|d_|d(w|b|g|x|z|h|gamma|beta|weights?|bias(es)?|inputs?)\d*$)", last))
        or any(t == "dparams" for t in tokens)
    )


def returned_names(function: Callable[..., Any]) -> tuple[str | None, ...]:
    """What the last return statement calls its values; () where that cannot be told."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError, ValueError):
        return ()
    body = tree.body[0]
    returns = [n for n in _own_nodes(body) if isinstance(n, ast.Return) and n.value is not None]
    if not returns:
        return ()
    value = max(returns, key=lambda n: n.lineno).value
    if isinstance(value, ast.Tuple | ast.List):
        return tuple(map(_name, value.elts))
    if isinstance(value, ast.Dict):
        return tuple(k.value if isinstance(k, ast.Constant) and isinstance(k.value, str) else None for k in value.keys)
    assert value is not None
    return (_name(value),)


def _own_nodes(root: ast.AST) -> Iterable[ast.AST]:
    """The nodes of a function without those of functions inside it."""
    for child in ast.iter_child_nodes(root):
        yield child
        if not isinstance(child, ast.FunctionDef | ast.Lambda | ast.AsyncFunctionDef | ast.ClassDef):
            yield from _own_nodes(child)


def _name(node: ast.expr) -> str | None:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return node.attr
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _VIEWS:
        return _name(node.func.value)
    return None


_VIEWS = frozenset({"reshape", "copy", "astype", "squeeze", "ravel"})


def named(value: Any, names: Sequence[str | None]) -> Named:
    """What a backward pass returned, flattened to gradients with the names that the code gives them."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
    if hasattr(value, "_asdict"):  # a named tuple
        value = value._asdict()
    if isinstance(value, dict):
        return tuple(found for k, v in value.items() for found in (named(v, ()) if _nested(v) else ((str(k), v),)))
    if isinstance(value, tuple | list):
        items = tuple(value)
        known = names if len(names) == len(items) else (None,) * len(items)
        flat: list[tuple[str | None, Any]] = []
        for name, item in zip(known, items, strict=True):
            flat += named(item, ()) if _nested(item) else [(name, item)]
        return tuple(flat)
    return ((names[0] if len(names) == 1 else None, value),)


def _nested(value: Any) -> bool:
    """Whether a value holds gradients, and is none: not a list of numbers."""
    if isinstance(value, list | tuple) and not hasattr(value, "_asdict"):
        return bool(value) and all(hasattr(v, "shape") for v in value)
    return isinstance(value, dict) or hasattr(value, "_asdict") or dataclasses.is_dataclass(value)
