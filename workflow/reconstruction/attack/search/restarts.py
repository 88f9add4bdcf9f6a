"""K restarts of the search: where they begin, where they are between two iterations, and where they end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Starts:
    """Where K restarts begin. Each hyperparameter has shape (K,)."""

    candidates: Tensor  # (K, m, r), coordinates in the search space
    lambdas: Tensor  # (K, m)
    learning_rate: Tensor  # or (K, r), one for each direction of the search space
    lambda_learning_rate: Tensor
    lambda_min: Tensor
    alpha: Tensor

    def __len__(self) -> int:
        return len(self.candidates)

    def to(self, device: torch.device, dtype: torch.dtype) -> Starts:
        return Starts(**{name: value.to(device, dtype) for name, value in vars(self).items()})

    def only(self, numbers: slice | Sequence[int]) -> Starts:
        return Starts(**{name: value[numbers] for name, value in vars(self).items()})


@dataclass(frozen=True)
class Snapshot:
    """K restarts between two iterations, on the CPU: all that a search needs to go on."""

    iteration: int  # that comes next
    tensors: dict[str, Tensor]  # Search.tensors
    trace_iterations: list[int]
    trace: list[Tensor]  # (K, L) each


@dataclass(frozen=True)
class Outcome:
    """Where K restarts ended. A diverged restart's numbers mean nothing."""

    candidates: Tensor  # (K, m, r)
    lambdas: Tensor  # (K, m)
    iterations: Tensor  # (T,), when the trace was taken
    residuals: Tensor  # (K, T, L), each layer's squared residual

    def __len__(self) -> int:
        return len(self.candidates)

    @property
    def diverged(self) -> Tensor:
        """(K,) bool: which restarts have left the finite numbers."""
        finite = self.candidates.isfinite().all(-1).all(-1) & self.lambdas.isfinite().all(-1)
        return ~(finite & self.residuals[:, -1].isfinite().all(-1))

    @staticmethod
    def concatenate(outcomes: Sequence[Outcome]) -> Outcome:
        """The outcomes of restarts that were searched for one after the other."""
        return Outcome(
            torch.cat([outcome.candidates for outcome in outcomes]),
            torch.cat([outcome.lambdas for outcome in outcomes]),
            outcomes[0].iterations,
            torch.cat([outcome.residuals for outcome in outcomes]),
        )
