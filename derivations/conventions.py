"""Sentences that several entries share."""

LAYOUT = "A gradient has the shape of its variable."
ELEMENTWISE = "On an array the function and its derivatives apply to every entry."
SMOOTH = "Smooth everywhere: no kink."
BATCH = "Samples are rows; sums over samples stand in the formulas, so n is the batch size."
UPSTREAM = "L is any scalar; only its gradient dY with respect to Y is used."
MOMENTS_EXIST = "All expectations on this page are assumed to exist."
JACOBIAN = "In the Jacobian dp/dz the axes of the output come first, then those of the input."


def kink(value: str, interval: str) -> str:
    """What holds at x = 0, and every other value that would be a subgradient."""
    return f"At the kink x = 0 the derivative is {value}, as in PyTorch; the subgradients there are {interval}."


def reduced(over: str) -> str:
    """What the mean of a loss is taken over, and that the sum has no such factor."""
    return f"L is the mean over {over}, as PyTorch's default; with reduction=sum the factor is 1, in the gradient too."
