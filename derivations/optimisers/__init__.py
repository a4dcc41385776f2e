"""Optimisers, learning rate schedules and gradient clipping"""

PAGE = (
    *("sgd", "momentum", "nesterov"),
    *("adagrad", "rmsprop", "adadelta"),
    *("adam", "adamw", "adamax", "nadam", "radam", "lamb"),
    *("step-decay", "exponential-decay", "cosine-annealing"),
    *("clip-norm", "clip-value"),
)
