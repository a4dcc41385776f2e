"""The compiled functions: against exact values, against NumPy on bad input, and what happens without a compiler."""

from __future__ import annotations

import ctypes
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnmath
from nnmath.calculus.balls import MissingFlint  # noqa: F401
from nnmath.numeric.crosscheck import check
from nnmath.numeric.lower import Unsupported
from nnmath.numeric.native import calling, compiler
from nnmath.numeric.native.calling import CompiledModule
from nnmath.numeric.native.module import write
from nnmath.numeric.plans import plans

pytestmark = pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler")
