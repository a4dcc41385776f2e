"""One hidden layer of ReLU units passes through any points."""

from ..entry import Entry, Statement
from ..options import ParameterError

MOST = 32  # points: with more of them the definitions are too long to be read at once


def _given(points: int) -> str:
    if points > MOST:
        raise ParameterError(f"points={points}: at most {MOST} are written out; the first line holds for any number")
    return f"""
        x0: real                # first place
        h: {points} positive    # distances to the next places
        y: {points + 1}         # values at the places
    """


def _define(points: int) -> str:
    """Places, slopes between them, weights (changes of slope), and the network at each place."""
    places = [" + ".join(["x0", *(f"h[{i}]" for i in range(j))]) for j in range(points + 1)]
    lines = [f"s{j} = (y[{j + 1}] - y[{j}])/h[{j}]  # slope" for j in range(points)]
    weights = ["s0", *(f"(s{j} - s{j - 1})" for j in range(1, points))]
    for j, place in enumerate(places):
        units = " + ".join(f"{w}*relu({place} - ({p}))" for w, p in zip(weights, places, strict=False))
        lines.append(f"f{j} = y[0] + {units}  # the network at place {j}")
    return "\n".join(lines)


def _proof(points: int) -> tuple[Statement, ...]:
    reasons = ["all units are off", "unit 0 is on", *(f"units 0 … {j - 1} are on" for j in range(2, points + 1))]
    return (
        Statement(
            "v = b",
            certificate="before",
            induction=("k", {"v": ("b0", "v1"), "b": ("b0", "b1")}),
            by="the slope behind the place",
            title="Any number of places: the network meets every value",
        ),
        *(Statement(f"f{j} = y[{j}]", by=reason) for j, reason in enumerate(reasons)),
    )


def _all_given(points: int) -> str:
    return f"""{_given(points)}
        k: nonnegative  # number of a place
        v: real         # the network there
        b: real         # the value wanted there
        b0: real        # the value wanted at the first place
        b1: real        # the value wanted at the next place
        r: positive     # the distance to it
    """


def _all_defined(points: int) -> str:
    return f"""{_define(points)}
        t = (b1 - b)/r  # slope behind the place: the sum of the weights of the units that are on
        v1 = v + t*r    # the network at the next place
    """


relu_interpolation = Entry(
    id="relu-interpolation",
    title="One hidden ReLU layer passes through any points",
    kind="construction",
    given=_all_given,
    define=_all_defined,
    proof=_proof,
    parameters={"points": 3},
    variants=({"points": 1}, {"points": 5}),
    conventions=(
        "The unit j is relu(x − x_j), with the change of slope at x_j as its weight; points counts the units.",
        "Between the places the network is linear: with places close enough it follows any continuous function.",
    ),
    pitfalls=("It passes through noise as well: interpolation is no generalisation.",),
    references=("Goodfellow, Bengio and Courville, Deep Learning, 2016, section 6.4.1",),
    uses=("relu",),
)
