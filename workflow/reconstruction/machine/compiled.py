"""A function compiled by torch.compile where that works, and as it is where it does not."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import torch

from ..errors import reason
from .progress import tell

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def compiled(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """The function, compiled at its first call and anew for other shapes; it must change nothing that it is given.

    Where compiling fails, as on a machine without a C compiler, that is said once.
    """
    best: Callable[Arguments, Result] | None = None

    def call(*arguments: Arguments.args, **named: Arguments.kwargs) -> Result:
        nonlocal best
        if best is None:
            attempt = torch.compile(function, dynamic=False)
            try:
                with warnings.catch_warnings(action="ignore"):  # of the compiler's own, nothing that a user could mend
                    result = attempt(*arguments, **named)
            except Exception as error:  # of whichever tool behind it
                tell(f"torch.compile failed ({reason(error)}); going on without, at up to half the speed")
                best = function
            else:
                best = attempt
                return result
        return best(*arguments, **named)

    return call
