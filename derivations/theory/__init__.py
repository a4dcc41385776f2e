"""Theory of gradient descent"""

PAGE = (
    *("taylor-step", "descent-lemma", "gd-convex", "gd-strongly-convex", "gd-nonconvex", "implicit-regularization"),
    *("newton-step", "bfgs-secant", "natural-gradient", "vanishing-gradient"),
)
