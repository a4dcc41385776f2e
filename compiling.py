"""Compiled functions of a formula: C made from the same array programs as the NumPy code."""

from __future__ import annotations

from typing import Any

from .page import Page, derive


def compiled(id: Any, **options: Any) -> Any:
    """The generated functions of a formula, compiled with this machine's C compiler.

    ``compiled("softmax-ce").softmax_ce_gradient(Z, Y)``. The functions have the names, arguments, checks, shapes and
    dtypes of those that ``nnmath code ID`` prints. What has no C form, or where there is no compiler, NumPy serves;
    the attribute ``notes`` then says for which functions, and why. The compiled code stays in the user's cache.

    **Arguments**: id and options as :func:`nnmath.derive` takes them, or a page that it returned.

    **Raises** what :func:`nnmath.derive` raises, and ``NoCode`` for an entry that is a statement.
    """
    page = id if isinstance(id, Page) else derive(id, **options)
    page._need_code()
    if page.entry.state:
        from .numeric.native.rules import compiled_rule

        return compiled_rule(page._rule())
    from .numeric.native.calling import CompiledModule

    return CompiledModule(page.derivation)
