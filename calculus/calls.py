"""The functions of the grammar: elementwise ones, sums and other reductions, deltas and case distinctions."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import sympy
from sympy import Expr, Integer, Symbol

from . import arrays
from .arrays import ArrayExpr, elementwise, scalar
from .conditions import delta_of, index_comparison, index_condition, refuse_undefined
from .expectation import Covariance, Expectation, Variance, is_random
from .functions import BY_NAME, Indicator, Unknown, Where, relu
from .grammar import own_absolute
from .scope import Scope
from .sums import Partial, bound_sum
from .tensors import Element, Index, fresh_index


def read_call(scope: Scope, node: ast.Call) -> ArrayExpr:
    """A call of a function: one of the tables here and in :mod:`.functions`, or one that was given."""
    node = _plain(scope, node)
    name, order = _function_name(scope, node.func)
    given = scope.tensors.get(name)
    if given is not None and given.domain.function:
        (x,) = _values(scope, node, 1)
        return elementwise(lambda e: Unknown(Symbol(name), Integer(order), e), x)
    if order:
        scope.fail(node.func, f"{name} is not a function that was given", f"Declare it: {name}: function")
    if name in SPECIAL:
        return SPECIAL[name](scope, node)
    if name in BY_NAME:
        function = BY_NAME[name]
        (x,) = _values(scope, node, 1)
        return elementwise(lambda e: own_absolute(function(e)), x)
    if name in NO_ENTRIES:
        scope.fail(
            node.func, f"{name} has no formula of entries, so its derivative is not known here", NO_ENTRIES[name]
        )
    functions = [n for n, t in scope.tensors.items() if t.domain.function]
    scope.unknown(
        node.func,
        "function",
        name,
        [*SPECIAL, *BY_NAME, *functions],
        f"For an unspecified one declare {name}: function.",
    )


def _plain(scope: Scope, node: ast.Call) -> ast.Call:
    """As libraries write it: ``np.log(x)`` is ``log(x)``, ``x.sum(dim=0)`` is ``sum(x, axis=0)``."""
    if any(k.arg in OPTIONS for k in node.keywords):
        keywords = [ast.keyword(OPTIONS.get(k.arg or "", k.arg), k.value) for k in node.keywords]
        node = ast.copy_location(ast.Call(node.func, node.args, keywords), node)
    function = node.func
    if isinstance(function, ast.Name) and function.id in EXTREMA and function.id not in scope.tensors:
        function = ast.copy_location(ast.Attribute(ast.Name("np"), function.id), function)
    if not isinstance(function, ast.Attribute) or function.attr == "prime":
        return node
    of = function.value
    if ast.unparse(of) in LIBRARIES and ast.unparse(of).split(".")[0] not in scope.tensors:
        args = node.args
    elif function.attr in METHODS and not (isinstance(of, ast.Name) and of.id not in scope.tensors):
        args = [of, *node.args]
    else:
        return node
    own = EXTREMA.get(function.attr, function.attr)
    keywords = node.keywords
    if own in ("max", "min") and len(args) == 2:  # an axis; Python's max(a, b) and np.maximum take two arrays
        args, keywords = args[:1], [ast.keyword("axis", args[1]), *keywords]
    name = ast.copy_location(ast.Name(own), function)
    return ast.copy_location(ast.Call(name, args, keywords), node)


def _function_name(scope: Scope, node: ast.expr) -> tuple[str, int]:
    """``g`` is (g, 0), its derivative ``g.prime`` is (g, 1)."""
    order = 0
    while isinstance(node, ast.Attribute) and node.attr == "prime":
        node, order = node.value, order + 1
    if not isinstance(node, ast.Name):
        hint = f"Functions are called by name; methods of an array are {', '.join(METHODS)}; g.prime is g′."
        scope.fail(node, f"{ast.unparse(node)} is not a function", hint)
    return node.id, order


def _values(scope: Scope, node: ast.Call, count: int, options: Sequence[str] = ()) -> list[ArrayExpr]:
    _check_call(scope, node, count, options)
    return [scope.read(a) for a in node.args]


def _check_call(scope: Scope, node: ast.Call, count: int, options: Sequence[str] = ()) -> None:
    name = ast.unparse(node.func)
    if len(node.args) != count:
        scope.fail(node, f"{name} takes {count} argument{'s' * (count > 1)}, and {len(node.args)} were given")
    for keyword in node.keywords:
        if keyword.arg not in options:
            allowed = f"It takes {', '.join(options)}." if options else "It takes none."
            scope.fail(keyword.value, f"{name} has no option {keyword.arg}", allowed)


def _options(scope: Scope, node: ast.Call) -> dict[str, Any]:
    """``axis`` (a number or several) and ``keepdims``."""
    found: dict[str, Any] = {}
    for keyword in node.keywords:
        try:
            value = ast.literal_eval(keyword.value)
        except ValueError:
            value = None
        if keyword.arg == "axis":
            axes = value if isinstance(value, tuple) else (value,)
            if not all(type(a) is int for a in axes):
                scope.fail(
                    keyword.value, f"axis={ast.unparse(keyword.value)} is not an axis", "Write axis=0 or axis=(0, 1)."
                )
            found["axes"] = axes
        elif type(value) is bool:
            found["keepdims"] = value
        else:
            scope.fail(keyword.value, "keepdims is True or False")
    return found


def reduction(function: Callable[..., ArrayExpr], *options: str) -> Callable[[Scope, ast.Call], ArrayExpr]:
    """A reader of functions along axes; options are those of ``axis`` and ``keepdims`` that it takes."""

    def read(scope: Scope, node: ast.Call) -> ArrayExpr:
        if "axis" in options and len(node.args) == 2 and all(k.arg != "axis" for k in node.keywords):
            axis = ast.keyword("axis", node.args[1])
            node = ast.copy_location(ast.Call(node.func, node.args[:1], [axis, *node.keywords]), node)
        (x,) = _values(scope, node, 1, options)
        return function(x, **_options(scope, node))

    return read


def read_sum(scope: Scope, node: ast.Call) -> ArrayExpr:
    """``sum(x)``, along axes too, or ``sum(… for i in n if …)``."""
    if len(node.args) != 1 or not isinstance(node.args[0], ast.GeneratorExp):
        return reduction(arrays.total, "axis", "keepdims")(scope, node)
    value, bound, filters = read_terms(scope, node)
    return ArrayExpr(value.indices, bound_sum(sympy.Mul(value.body, *filters), *bound))


def read_mean(scope: Scope, node: ast.Call) -> ArrayExpr:
    """``mean(x)``, along axes too, or ``mean(… for i in n)``."""
    if len(node.args) != 1 or not isinstance(node.args[0], ast.GeneratorExp):
        return reduction(arrays.mean, "axis", "keepdims")(scope, node)
    loops = node.args[0].generators
    for test in (t for loop in loops for t in loop.ifs):
        scope.fail(test, "a mean runs over whole dimensions", "Divide a sum by the number of its terms.")
    total = read_sum(scope, node)
    count = sympy.Mul(*(dimension_of(scope, loop.iter) for loop in loops))
    return ArrayExpr(total.indices, total.body / count)


def read_prod(scope: Scope, node: ast.Call) -> ArrayExpr:
    """``prod(x)``, along axes too, or ``prod(… for i in n if …)``: a condition makes a factor 1."""
    if len(node.args) != 1 or not isinstance(node.args[0], ast.GeneratorExp):
        return reduction(arrays.product, "axis", "keepdims")(scope, node)
    value, bound, filters = read_terms(scope, node)
    factors = ArrayExpr((*bound, *value.indices), value.body)
    return arrays.product(factors, range(len(bound)), where=sympy.Mul(*filters))


def bind(scope: Scope, loop: ast.comprehension) -> tuple[Scope, Index]:
    """The scope inside ``for k in C``, where k is a fresh index over C."""
    if not isinstance(loop.target, ast.Name):
        scope.fail(loop.target, "a sum runs over one index at a time", "Write sum(… for i in n for c in C).")
    name = loop.target.id
    if name in scope.tensors or name in scope.dims:
        scope.fail(loop.target, f"{name} already names {'an array' if name in scope.tensors else 'a dimension'}")
    index = fresh_index(dimension_of(scope, loop.iter))
    return replace(scope, indices={**scope.indices, name: index}), index


def read_terms(scope: Scope, node: ast.Call) -> tuple[ArrayExpr, list[Index], list[Expr]]:
    """The only argument of a call, ``… for i in n for j in m if j != i``: its value at bound indices, these indices,
    and its conditions as factors."""
    _check_call(scope, node, 1)
    (generator,) = node.args
    assert isinstance(generator, ast.GeneratorExp)
    inner, bound, conditions = scope, [], []
    for loop in generator.generators:
        inner, index = bind(inner, loop)
        bound.append(index)
        conditions += [index_condition(inner, test) for test in loop.ifs]
    value = inner.read(generator.elt)
    for test in (t for loop in generator.generators for t in loop.ifs):
        refuse_undefined(inner, test, value.body)
    return value, bound, conditions


def dimension_of(scope: Scope, node: ast.expr) -> Expr:
    """The dimension that a bound index runs over."""
    if isinstance(node, ast.Constant) and type(node.value) is int and node.value > 0:
        return Integer(node.value)
    if isinstance(node, ast.Name) and node.id in scope.dims:
        return scope.dims[node.id]
    scope.unknown(node, "dimension", ast.unparse(node), list(scope.dims), "An index runs over a dimension: for c in C.")


def read_delta(scope: Scope, node: ast.Call) -> ArrayExpr:
    """``delta(i, j)``: 1 where two indices are equal."""
    _check_call(scope, node, 2)
    return scalar(delta_of(scope, node.args[0], node.args[1]))


#: ``x OP y`` as a case distinction on the sign of a difference: (is the difference x − y, is the order of cases kept).
COMPARISONS: dict[type[ast.cmpop], tuple[bool, bool]] = {
    ast.Gt: (True, True),
    ast.LtE: (True, False),
    ast.Lt: (False, True),
    ast.GtE: (False, False),
}


def read_where(scope: Scope, node: ast.Call) -> ArrayExpr:
    """``where(x > 0, a, b)``, or with a comparison of indices."""
    _check_call(scope, node, 3)
    test = node.args[0]
    if (chosen := index_comparison(scope, test)) is not None:
        return elementwise(lambda a, b: chosen * a + (1 - chosen) * b, *map(scope.read, node.args[1:]))
    if not isinstance(test, ast.Compare) or len(test.ops) != 1 or type(test.ops[0]) not in COMPARISONS:
        scope.fail(test, f"{ast.unparse(test)} is not a comparison", "Write where(x > 0, a, b).")
    forward, kept = COMPARISONS[type(test.ops[0])]
    x, y, a, b = (scope.read(part) for part in (test.left, test.comparators[0], *node.args[1:]))

    def entry(x: Expr, y: Expr, a: Expr, b: Expr) -> Expr:
        return Where(x - y if forward else y - x, *((a, b) if kept else (b, a)))

    return elementwise(entry, x, y, a, b)


def read_indicator(scope: Scope, node: ast.Call) -> ArrayExpr:
    """``indicator(x)`` is 1 where x > 0, ``indicator(j <= i)`` where one index is at most another."""
    _check_call(scope, node, 1)
    compared = index_comparison(scope, node.args[0])
    return elementwise(Indicator, scope.read(node.args[0])) if compared is None else scalar(compared)


def read_max(scope: Scope, node: ast.Call) -> ArrayExpr:
    """The larger of two, entry by entry; of one array, the largest entry along an axis."""
    if len(node.args) == 1:
        return read_extremum(scope, node)
    return elementwise(larger, *_values(scope, node, 2))


def read_min(scope: Scope, node: ast.Call) -> ArrayExpr:
    """The smaller of two, entry by entry; of one array, the smallest entry along an axis."""
    if len(node.args) == 1:
        return read_extremum(scope, node)
    return elementwise(lambda a, b: -larger(-a, -b), *_values(scope, node, 2))


def read_extremum(scope: Scope, node: ast.Call) -> ArrayExpr:
    """``max(X, axis=1)``, ``max(X[i, k] for k in C)``: of a maximum over an axis, only that it is an array is known."""
    name = ast.unparse(node.func)
    if name not in ("max", "min"):
        scope.fail(node, f"{name} compares two arrays entry by entry, and one was given", f"Write {name}(a, b).")
    if scope.shifts is None:
        hint = f"Write {name}(a, b), or logsumexp for a smooth {name}imum."
        scope.fail(node, f"{name} compares two arrays; the {name}imum over an axis is not known here", hint)
    if isinstance(node.args[0], ast.GeneratorExp):
        array, over, conditions = read_terms(scope, node)
        kept = array.indices
    else:
        (array,) = _values(scope, node, 1, ("axis", "keepdims"))
        options, conditions = _options(scope, node), []
        axes = arrays.axes_of(array, options.get("axes"))
        over = [array.indices[a] for a in axes]
        kept = arrays.total(array, axes, options.get("keepdims", False)).indices
    if is_random(array.body):
        scope.fail(node, f"{name} of a random array over an axis is not known here")
    return scope.shifts.of(scope, node, array, over, kept, conditions)


def larger(a: Expr, b: Expr) -> Expr:
    """max(a, b); with a zero it is relu, whose kink has a convention. At a tie of two expressions b holds."""
    if b == 0 or a == 0:
        return relu(a if b == 0 else b)
    return Where(a - b, a, b)


def read_partial(scope: Scope, node: ast.Call) -> ArrayExpr:
    """``partial(L, W[i, j])``, or ``partial(L, W)`` with the axes of L and then those of W."""
    of, wrt = _values(scope, node, 2)
    if not isinstance(wrt.body, Element):
        scope.fail(
            node.args[1], f"{ast.unparse(node.args[1])} is not an array or an entry of one", "partial(L, W[i, j])"
        )
    if is_random(wrt.body):
        scope.fail(
            node.args[1], f"{ast.unparse(node.args[1])} is random", "Differentiate in what is not averaged over."
        )
    return ArrayExpr((*of.indices, *wrt.indices), Partial(of.body, wrt.body))


def of_random(node_type: Any) -> Callable[[Scope, ast.Call], ArrayExpr]:
    """``E(f)``, ``Var(f)``, ``Cov(f, g)``: entry by entry."""
    count = 2 if node_type is Covariance else 1
    return lambda scope, node: elementwise(node_type, *_values(scope, node, count))


def of_arrays(function: Callable[..., ArrayExpr], count: int) -> Callable[[Scope, ast.Call], ArrayExpr]:
    """A reader of functions of whole arrays."""
    return lambda scope, node: function(*_values(scope, node, count))


_INVERSE = "Give the inverse as an array of its own, B: n n; by textbook, dB = -B @ dA @ B."
_PLACE = "Give the place as labels, s: n int<d, and write X[i, s[i]] for the entry there."
_ORDER = "Which entry is where in the order changes by jumps: give that as labels, s: n int<n, and write x[s[i]]."

#: Functions of matrices and of orders that people write, and what to do without them.
NO_ENTRIES: dict[str, str] = {
    "det": "By textbook, the derivative of log(det(A)) in A is the transposed inverse of A.",
    "slogdet": "By textbook, the derivative of log(det(A)) in A is the transposed inverse of A.",
    **dict.fromkeys(("inv", "pinv", "solve"), _INVERSE),
    **dict.fromkeys(("eig", "eigh", "eigvals", "eigvalsh", "svd", "qr", "cholesky"), "A formula is made of sums."),
    **dict.fromkeys(("argmax", "argmin"), _PLACE),
    **dict.fromkeys(("sort", "argsort", "median", "quantile", "percentile"), _ORDER),
    **dict.fromkeys(("cumprod", "cummax", "cummin"), "Of these there is cumsum."),
    **dict.fromkeys(("round", "floor", "ceil", "rint", "trunc"), "Its derivative is 0 wherever there is one."),
}

#: NumPy's names of the largest and the smallest entry: their second argument is an axis.
EXTREMA = {"amax": "max", "amin": "min"}

#: Names that may stand before a function, and functions that an array may have as a method.
LIBRARIES = (
    *("np", "numpy", "np.linalg", "numpy.linalg"),
    *("torch", "torch.linalg", "torch.special", "torch.nn.functional", "nn.functional", "F"),
)
#: Options by the names that torch gives them.
OPTIONS = {"dim": "axis", "keepdim": "keepdims"}
METHODS = ("sum", "mean", "var", "std", "prod", "cumsum", "max", "min", "amax", "amin", "trace", "dot")


def read_product(scope: Scope, node: ast.Call) -> ArrayExpr:
    """``dot(a, b)`` is ``a @ b``."""
    _check_call(scope, node, 2)
    return scope.read(ast.copy_location(ast.BinOp(node.args[0], ast.MatMult(), node.args[1]), node))


SPECIAL: dict[str, Callable[[Scope, ast.Call], ArrayExpr]] = {
    "sum": read_sum,
    "mean": read_mean,
    "var": reduction(arrays.variance, "axis", "keepdims"),
    "std": reduction(arrays.deviation, "axis", "keepdims"),
    "prod": read_prod,
    "cumsum": reduction(arrays.cumulative, "axis"),
    "norm": reduction(arrays.norm, "axis", "keepdims"),
    "trace": reduction(arrays.trace),
    "softmax": reduction(arrays.softmax, "axis"),
    "log_softmax": reduction(arrays.log_softmax, "axis"),
    "logsumexp": reduction(arrays.logsumexp, "axis", "keepdims"),
    "outer": of_arrays(arrays.outer, 2),
    "diag": of_arrays(arrays.diag, 1),
    "delta": read_delta,
    "where": read_where,
    "indicator": read_indicator,
    "partial": read_partial,
    "E": of_random(Expectation),
    "Var": of_random(Variance),
    "Cov": of_random(Covariance),
    "max": read_max,
    "min": read_min,
    "maximum": read_max,
    "minimum": read_min,
    "dot": read_product,
    "matmul": read_product,
}

#: Names that mean something by themselves and cannot name an array.
#: (``delta``, E and others can: they are always called, which an array never is.)
FREE = {
    "delta",
    "E",
    "Var",
    "Cov",
    "var",
    "std",
    "prod",
    "cumsum",
    "norm",
    "trace",
    "dot",
    "matmul",
    "log1p",
    "expm1",
    "square",
    "arctan",
}
RESERVED = frozenset({*SPECIAL, *BY_NAME, "upstream"} - FREE)
