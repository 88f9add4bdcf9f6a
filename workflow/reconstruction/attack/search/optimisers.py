"""The optimisers of the two methods."""

from __future__ import annotations

import torch
from torch import Tensor

MOMENTUM = 0.9
ADAM_BETAS = (0.9, 0.999)
ADAM_EPSILON = 1e-8


class Momentum:
    """SGD with momentum, at learning rates that broadcast to the parameter."""

    def __init__(self, parameter: Tensor, rate: Tensor) -> None:
        self.rate = rate
        self.velocity = torch.zeros_like(parameter)
        self.state = {"velocity": self.velocity}

    def step(self, parameter: Tensor, gradient: Tensor, decay: Tensor) -> None:
        self.velocity.mul_(MOMENTUM).add_(gradient)
        parameter.sub_(self.velocity * (self.rate * decay))


class Adam:
    """Adam (Kingma and Ba 2015), at learning rates that broadcast to the parameter. Its clock is a tensor, so that a
    GPU can keep it."""

    def __init__(self, parameter: Tensor, rate: Tensor) -> None:
        self.rate = rate
        self.mean = torch.zeros_like(parameter)
        self.square = torch.zeros_like(parameter)
        self.left = torch.ones(2, dtype=torch.float64, device=parameter.device)  # beta^t of each moment
        self.betas = torch.tensor(ADAM_BETAS, dtype=torch.float64, device=parameter.device)
        self.state = {"mean": self.mean, "square": self.square, "left": self.left}

    def step(self, parameter: Tensor, gradient: Tensor, decay: Tensor) -> None:
        self.left.mul_(self.betas)
        first, second = (1 - self.left).to(parameter.dtype)
        self.mean.lerp_(gradient, 1 - ADAM_BETAS[0])
        self.square.mul_(ADAM_BETAS[1]).addcmul_(gradient, gradient, value=1 - ADAM_BETAS[1])
        root = (self.square / second).sqrt_().add_(ADAM_EPSILON)
        parameter.sub_((self.mean / root).mul_(self.rate * (decay / first)))
