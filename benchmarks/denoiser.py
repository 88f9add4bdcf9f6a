"""A small convolutional denoiser, learnt from public images, as one more prior of the search (docs/search.md).

The network of Zhang et al. 2017 without batch normalisation tells the noise of a picture about the mean image; the
penalty's gradient is that noise (regularisation by denoising, Romano, Elad and Milanfar 2017). A candidate's contrast
is not determined, so that it is brought to the norm of public images first, and its noise back to its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from reconstruction.attack.search.priors import Gradient, Penalty
from reconstruction.models.space import Space
from torch import Tensor, nn

CHANNELS, LAYERS = 32, 4
LEVELS = (0.05, 1.0)  # of noise, as a share of an image's norm about the mean image
BATCH, STEPS = 32, 1000
FAST = torch.autocast("cpu", torch.bfloat16)

Noise = Callable[[Tensor, torch.Generator], Tensor]  # as many pictures as are given, by pictures of the whole pool


def white(pictures: Tensor, generator: torch.Generator) -> Tensor:
    return torch.randn(pictures.shape, generator=generator)


def mixtures(pictures: Tensor, generator: torch.Generator) -> Tensor:
    """Of the pictures with each other, as a wrong candidate is one of training images."""
    return torch.einsum("ij,jchw->ichw", torch.randn(len(pictures), len(pictures), generator=generator), pictures)


NOISES: dict[str, Noise] = {"denoiser of white noise": white, "denoiser of mixtures": mixtures}


def network(channels: int) -> nn.Sequential:
    """Of pictures (n, C, H, W) about the mean image: their noise."""
    sizes = [channels, *[CHANNELS] * (LAYERS - 1), channels]
    layers: list[nn.Module] = []
    for before, after in pairwise(sizes):
        layers += [nn.Conv2d(before, after, 3, padding=1), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def scaled(pictures: Tensor, norm: float | Tensor) -> Tensor:
    """Each of pictures (..., C, H, W) scaled to a norm."""
    return pictures * (norm / pictures.flatten(-3).norm(dim=-1).clamp_min(1e-12))[..., None, None, None]


@dataclass(frozen=True)
class Denoiser:
    """norm: of the pictures that it was trained on, about the mean image."""

    network: nn.Sequential
    norm: float

    def noise(self, pictures: Tensor) -> Tensor:
        """Of pictures (..., C, H, W) about the mean image, each of any contrast."""
        flat = pictures.flatten(0, -4)
        norms = flat.flatten(1).norm(dim=1)[:, None, None, None]
        with torch.no_grad(), FAST:
            found = self.network(scaled(flat, self.norm).contiguous(memory_format=torch.channels_last))
        return (found.float() * (norms / self.norm)).view(pictures.shape)


def learn(
    images: np.ndarray, mean: np.ndarray, noise: Noise, steps: int = STEPS, seed: int = 0
) -> tuple[Denoiser, float]:
    """From public images (n, C, H, W); and what share of the noise's squared norm it leaves of the last tenth of the
    batches."""
    pictures = torch.from_numpy(images - mean).float()
    norm = float(pictures.flatten(1).norm(dim=1).mean())
    torch.manual_seed(seed)
    denoising = network(len(mean)).to(memory_format=torch.channels_last)
    optimiser = torch.optim.Adam(denoising.parameters(), 2e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    left = []
    for clean, added in batches(pictures, noise, norm, steps, torch.Generator().manual_seed(seed)):
        scale = norm / (clean + added).flatten(1).norm(dim=1)[:, None, None, None]
        noisy, wanted = scale * (clean + added), scale * added
        with FAST:
            loss = (denoising(noisy).float() - wanted).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        left.append(loss.item() / wanted.square().mean().item())
    return Denoiser(denoising.requires_grad_(False), norm), float(np.mean(left[-steps // 10 :]))


def batches(
    pictures: Tensor, noise: Noise, norm: float, steps: int, generator: torch.Generator
) -> Iterator[tuple[Tensor, Tensor]]:
    """Pictures of the norm, each upright or mirrored, and noise of levels between both of LEVELS."""
    low, high = LEVELS
    for _ in range(steps):
        clean, others = pictures[torch.randint(len(pictures), (2, BATCH), generator=generator)]
        levels = low * (high / low) ** torch.rand(BATCH, generator=generator)
        clean = scaled(clean, norm)
        if torch.rand((), generator=generator) < 0.5:
            clean = clean.flip(-1)
        yield clean, scaled(noise(others, generator), norm * levels)


@dataclass(frozen=True)
class Denoising(Penalty):
    """weight times what a denoiser calls noise; looked at anew every so many iterations, while candidates go on."""

    denoiser: Denoiser
    every: int = 8

    needs_pixels = True

    def gradient(self, space: Space, like: Tensor, products: torch.dtype) -> Gradient:
        shape, fast = self.pixels.mean.shape, Space(None if space.basis is None else space.basis.to(products))
        asked, wanted = 0, torch.zeros(())

        def gradient(coordinates: Tensor) -> Tensor:
            nonlocal asked, wanted
            if asked % self.every == 0:
                pictures = fast.inputs(coordinates.to(products)).float().unflatten(-1, shape)
                noise = self.denoiser.noise(pictures).flatten(-3)
                wanted = coordinates - fast.coordinates(noise.to(products)).to(like.dtype)
            asked += 1
            return (coordinates - wanted) * self.weight

        return gradient
