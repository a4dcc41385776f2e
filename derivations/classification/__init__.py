"""Classification"""

PAGE = (
    *("softmax-jacobian", "log-softmax", "softmax-ce", "softmax-ce-labels", "softmax-ce-hessian", "bce-with-logits"),
)
