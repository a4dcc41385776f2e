"""A pytest fixture: ``def test_backward(check_gradient): check_gradient(MyLayer, against="layernorm")``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest


@pytest.fixture
def check_gradient() -> Callable[..., Any]:
    """Takes what :func:`nnmath.verify` takes, and fails with the report unless the gradient is right."""

    def check(subject: Any, *, against: Any = None, inputs: Any = None, **options: Any) -> Any:
        __tracebackhide__ = True
        from .verifying import verify

        report = verify(subject, against=against, inputs=inputs, **options)
        if not report.passed:
            pytest.fail(str(report), pytrace=False)
        return report

    return check
