"""tanh and log(1 + exp) in float64 to 0.7 units of the last place: from their values at the nearest point of a grid.

NumPy's own are up to 1.2 units off, log1p(exp(-abs(x))) up to 1.4: where exp(-a) is just above a power of two and its
log1p below it, half a unit of the one is a whole unit of the other. Of a sum formula, f(k/8 + d) = f(k/8) + ..., the
first term is known to twice the digits, and the second one is so small that its rounding errors do not matter.
"""

from __future__ import annotations

from collections.abc import Sequence

from .. import program
from ..program import Node

EXPONENTIALS = '''
def _exponentials():
    """exp(k/8) for k = 0 ... 320, as integers over 2**128."""
    term, step, count = 2**128, 0, 0
    while term:
        step, count = step + term, count + 1
        term //= 8 * count
    found = [2**128]
    while len(found) <= 320:
        found.append(found[-1] * step // 2**128)
    return found
'''

TWO_FLOATS = '''
def _two_floats(integers):
    """Integers over 2**128 as sums of two floats each."""
    high = [m / 2**128 for m in integers]
    low = [(m - int(h * 2.0**128)) / 2**128 for m, h in zip(integers, high)]
    return np.array(high), np.array(low)
'''

PRECISE_TANH = '''
_TANH = _two_floats([(g - 2**128) * 2**128 // (g + 2**128) for g in _exponentials()])  # tanh(k/16)


def _precise_tanh(x):
    """tanh(x): in float64 to 0.7 units of the last place, elsewhere rounded once from float64.

    With t = tanh(k/16) for the nearest k: tanh(k/16 + d) = t + (1 - t**2) u / (1 + t u), where u = tanh(d).
    """
    if x.dtype != np.float64:
        return _in_double(np.tanh, x)
    if x.nbytes > 2**18:
        return _in_blocks(_precise_tanh, x)
    a = np.minimum(np.abs(x), 20.0)
    k = np.rint(16.0 * np.fmin(a, 20.0))
    k *= k > 4.0
    at = k.astype(np.intp)
    t, rest = (table.take(at) for table in _TANH)
    d = a - k / 16.0
    s = d * d
    u = d - d * s * _polynomial(s, (45045.0, 2772.0, 27.0)) / _polynomial(s, (135135.0, 62370.0, 3150.0, 28.0))
    return np.copysign(t + (rest + (1.0 - t * t) * u / (1.0 + t * u)), x)
'''

PRECISE_SOFTPLUS = '''
def _log_table():
    """log(1 + exp(-k/8)) as sums of two floats, and 1 / (1 + exp(k/8)), for k = 0 ... 320."""
    one = 2**128
    e = [one * one // g for g in _exponentials()]
    logs = [e[-1]]
    for a, b in zip(e[-2::-1], e[:0:-1]):
        z = (a - b) * one // (2 * one + a + b)
        count, power = 1, 2 * z
        logs.append(logs[-1])
        while power:  # log((1 + a) / (1 + b)) = 2 (z + z**3/3 + z**5/5 + ...)
            logs[-1] += power // count
            count, power = count + 2, power * z // one * z // one
    return *_two_floats(logs[::-1]), np.array([a / (one + a) for a in e])


_LOGS = _log_table()


def _precise_softplus(x, beta=1.0):
    """max(x, 0) + log(1 + exp(-beta abs(x))) / beta: in float64 to 0.7 units of the last place for beta = 1.

    With a = k/8 + d for the nearest k: log(1 + exp(-a)) = log(1 + exp(-k/8)) + log(1 + (exp(-d) - 1) / (1 + exp(k/8))).
    """
    if x.dtype != np.float64:
        wide = x.astype(np.promote_types(x.dtype, np.float64))
        return (np.log1p(np.exp(-beta * np.abs(wide))) / beta + np.maximum(wide, 0.0)).astype(x.dtype)
    bound = 2048.0 / np.maximum(beta, 1e-290)
    near = np.clip(x, -bound, bound)
    if np.ndim(beta) == 0 and np.frexp(beta)[0] == 0.5:  # a power of two: the product is exact
        a, error = np.abs(near) * beta, 0.0
    else:
        a, error = _product(np.abs(near), beta)
    k = np.rint(8.0 * np.fmin(a, 38.0))
    at = k.astype(np.intp)
    logs, rest, share = (table.take(at) for table in _LOGS)
    rest += np.log1p(share * np.expm1((k / 8.0 - a) - error))
    logs, above = logs / beta, np.maximum(near, 0.0)
    total = above + logs
    lost = total - above
    value = total + ((above - (total - lost)) + (logs - lost) + rest / beta)
    return np.maximum(x, np.where(a > 38.0, np.exp(-a) * (1.0 - error) / beta, value))
'''

#: In the order in which they appear in a module.
TABULATED: dict[str, str] = {
    "_exponentials": EXPONENTIALS,
    "_two_floats": TWO_FLOATS,
    "_precise_tanh": PRECISE_TANH,
    "_precise_softplus": PRECISE_SOFTPLUS,
}


def with_tables(roots: Sequence[Node]) -> list[Node]:
    """The same programs with these functions, where they are the only elementary function of a value.

    There :mod:`..rounding` has marked tanh and log1p as computed in float64.
    """
    visit = program.rebuilder(lambda old, node: _tabulated(node))
    return [visit(r) for r in roots]


def _tabulated(node: Node) -> Node | None:
    if node.op == "call" and node.data == ("tanh", "in double"):
        return program.call("precise_tanh", *node.args)
    if node.op == "add" and node.data == (1, 1):
        for above, log in (node.args, node.args[::-1]):
            if above.op == "call" and above.data[0] == "relu" and (beta := _softplus_beta(above.args[0], log)):
                return program.call("precise_softplus", above.args[0], *beta[1:])
    return None


def _softplus_beta(x: Node, log: Node) -> tuple[Node, ...] | None:
    """(1, β) for log(1 + exp(−β|x|))/β, and (1,) for β = 1; None for anything else."""
    log, *beta = log.args if log.op == "mul" and log.data == (1,) and len(log.args) == 2 else (log,)
    if log.op != "call" or log.data != ("log1p", "in double") or log.args[0].op != "call":
        return None
    (e,) = log.args
    if e.data[0] == "exp" and not beta and e.args[0].op == "neg":
        size: tuple[Node, ...] = e.args[0].args
    elif e.data[0] == "exp_product" and beta and e.args[1:] == (program.negative(beta[0]), program.const(0.0)):
        size = e.args[:1]
    else:
        return None
    same = size[0].op == "call" and size[0].data[0] == "abs" and size[0].args[0] in (x, program.negative(x))
    return (program.const(1), *beta) if same else None
