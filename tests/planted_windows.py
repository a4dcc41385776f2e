"""Wrong claims about layers with windows and lookups: id, wanted, wrong claim, the class of the error. All are refuted."""

from __future__ import annotations

WRONG_WINDOWS: list[tuple[str, str, str, str]] = [
    ("conv1d", "dL/dX", "i, c, h: sum(K[f, c, u]*dY[i, f, h + u] for f in F for u in U)", "sign in the index"),
    ("conv1d", "dL/dX", "i, c, h: sum(K[f, c, U - 1 - u]*dY[i, f, h - u] for f in F for u in U)", "flipped kernel"),
    ("conv1d", "dL/dX", "i, c, h: sum(K[f, c, u]*dY[i, f, h - u + 1] for f in F for u in U)", "shifted index"),
    ("conv1d", "dL/dX", "i, c, h: sum(K[f, c, u]*dY[i, f, h - 2*u] for f in F for u in U)", "dilation"),
    ("conv1d", "dL/dK", "f, c, u: sum(dY[i, f, o]*X[i, c, o - u] for i in n for o in O)", "sign in the index"),
    ("conv1d", "dL/dK", "f, c, u: sum(dY[i, f, o]*X[i, c, 2*o + u] for i in n for o in O)", "stride"),
    ("conv1d", "dL/dK", "f, c, u: sum(dY[i, f, o]*X[i, c, o + u] for i in n for o in O)/n", "normaliser"),
    ("conv1d", "dL/db", "f: sum(dY[i, f, 0] for i in n)", "sum along the wrong axis"),
    (
        "conv2d",
        "dL/dX",
        "i, c, h, w: sum(K[f, c, u, v]*dY[i, f, h + u, w - v] for f in F for u in U for v in V)",
        "sign in the index",
    ),
    (
        "conv2d",
        "dL/dX",
        "i, c, h, w: sum(K[f, c, u, v]*dY[i, f, h - u, w - v - 1] for f in F for u in U for v in V)",
        "shifted index",
    ),
    (
        "conv2d",
        "dL/dX",
        "i, c, h, w: sum(K[f, c, U - 1 - u, V - 1 - v]*dY[i, f, h - u, w - v] for f in F for u in U for v in V)",
        "flipped kernel",
    ),
    (
        "conv2d",
        "dL/dK",
        "f, c, u, v: sum(dY[i, f, o, p]*X[i, c, o + u, p - v] for i in n for o in O for p in P)",
        "sign in the index",
    ),
    ("conv2d", "dL/db", "f: sum(dY[i, f, o, 0] for i in n for o in O)", "missing term"),
    (
        "avg-pool2d",
        "dL/dX",
        "i, c, h, w: sum(delta(h, 2*o + u)*delta(w, 2*p + v)*dY[i, c, o, p] for o in O for p in P for u in 2 for v in 2)",
        "normaliser",
    ),
    (
        "avg-pool2d",
        "dL/dX",
        "i, c, h, w: sum(delta(h, o + u)*delta(w, p + v)*dY[i, c, o, p] for o in O for p in P for u in 2 for v in 2)/4",
        "stride",
    ),
    (
        "avg-pool2d",
        "dL/dX",
        "i, c, h, w: sum(delta(h, 2*o)*delta(w, 2*p)*dY[i, c, o, p] for o in O for p in P)/4",
        "missing term",
    ),
    (
        "max-pool2d",
        "dL/dX",
        "i, c, h, w: sum(delta(h, 2*o + u)*delta(w, 2*p + v)*dY[i, c, o, p] for o in O for p in P for u in 2 for v in 2)",
        "indicator left out",
    ),
    (
        "max-pool2d",
        "dL/dX",
        "i, c, h, w: sum(delta(h, 2*o)*delta(w, 2*p)*dY[i, c, o, p] for o in O for p in P)",
        "missing case",
    ),
    (
        "upsample-nearest",
        "dL/dX",
        "i, c, h, w: sum(dY[i, c, 2*h + u, 2*w + v] for u in 2 for v in 2)/4",
        "mean for the sum",
    ),
    ("upsample-nearest", "dL/dX", "i, c, h, w: dY[i, c, 2*h, 2*w]", "missing term"),
    ("upsample-nearest", "dL/dX", "i, c, h, w: sum(dY[i, c, h + u, w + v] for u in 2 for v in 2)", "stride"),
    ("embedding", "dL/dE", "v, d: sum(dY[i, d] for i in n)", "ids ignored"),
    ("embedding", "dL/dE", "v, d: sum(delta(v, ids[0])*dY[i, d] for i in n)", "index swapped"),
    ("embedding", "dL/dE", "v, d: (1 - delta(v, 0))*sum(delta(v, ids[i])*dY[i, d] for i in n)", "padding id"),
    ("embedding", "dL/dE", "v, d: sum(delta(v, ids[i])*dY[i, d] for i in n)/n", "normaliser"),
    ("dropout", "dL/dX", "dY*M", "missing factor"),
    ("dropout", "dL/dX", "dY/(1 - p)", "mask left out"),
    ("dropout", "dL/dX", "dY*M/p", "factor"),
]
