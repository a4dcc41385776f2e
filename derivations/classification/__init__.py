"""Classification"""

PAGE = (
    *("softmax-jacobian", "log-softmax", "softmax-ce", "softmax-ce-labels", "nll", "softmax-ce-hessian", "kl-div"),
    *("bce", "bce-with-logits", "focal", "multilabel-soft-margin"),
)
