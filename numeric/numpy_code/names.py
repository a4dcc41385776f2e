"""How functions are called in generated NumPy code, and what shared operations are called there."""

from __future__ import annotations

#: Elementwise functions: how they are written. A leading underscore is a helper of the generated module.
CALLS: dict[str, str] = {
    **{f: f"np.{f}" for f in ("exp", "log", "tanh", "sinh", "cosh", "sin", "cos", "arctan")},
    **{f: f"np.{f}" for f in ("abs", "sign", "sqrt", "power", "expm1", "log1p", "where")},
    **{f: f"np.{f}" for f in ("minimum", "maximum", "clip", "vecdot", "vdot", "count_nonzero")},
    **{f: f"_{f}" for f in ("sigmoid", "softplus", "sech2", "xlogx", "log_weighted", "tanh_remainder")},
    **{f: f"_{f}" for f in ("erf", "erfc", "erfcx", "normal_tail", "exp_polynomial", "exp_product", "exp_quotient")},
    **{f: f"_{f}" for f in ("sigmoid_minus", "power_of_two", "finite", "beyond", "precise_tanh", "precise_softplus")},
    "sum_rows": "_sum_rows",
    "sum_products": "_sum_products",
    "inner": "_inner",
    "sum_each_row": "_sum_each_row",
    "sum_exponentials": "_sum_exponentials",
    "relu": "np.maximum",
}

#: What a shared operation is called when it is nobody's definition.
NAMES: dict[str, str] = {
    "max": "largest",
    "row_max": "largest",
    "sum": "total",
    "matmul": "product",
    "transpose": "flipped",
    "eye": "identity",
    "take": "windows",
    "take_inside": "windows",
    "put": "placed",
    "compare": "mask",
    "log_sum": "log_total",
    "place": "place",
    "rest": "rest",
    "exp": "e",
    "exp_polynomial": "e",
    "exp_product": "e",
    "exp_quotient": "e",
    "abs": "a",
    "minimum": "a",
    "erfcx": "c",
    "normal_tail": "c",
    "sigmoid": "s",
    "softplus": "sp",
    "sech2": "sech2",
    "tanh": "t",
    "clip": "bounded",
    "mul": "term",
    "log": "logs",
    "where": "chosen",
    "vecdot": "total",
    "sum_rows": "total",
    "sum_products": "total",
    "inner": "total",
    "sum_each_row": "total",
    "sum_exponentials": "total",
    "einsum": "total",
}
