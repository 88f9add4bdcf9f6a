"""Embeddings to measure on: a small network is trained on some images of a data set, and embeds others.

    python benchmarks/embeddings.py --images cifar10.npz --output embeddings.npz
    python benchmarks/embeddings.py --images cifar10.npz --faces --output faces.npz

writes what a source of kind `vectors` reads: inputs (N, D), labels, and images to show beside a match.
The second embeds the faces of scikit-image by an encoder that saw the data set in grey and at their size.
The encoder is frozen then; a head on top of it is what the workflow trains and attacks (docs/results.md).
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import numpy as np
import torch
from reconstruction.configuration import Faces
from reconstruction.data.image_files import read_file
from reconstruction.data.sources import load
from torch import Tensor, nn

BATCH, RATE = 50, 1e-3


def encoder(channels: int, size: int, pixels: int) -> nn.Sequential:
    """Three convolutions, each of which halves the image, and a layer of ReLU units, the embedding."""
    layers: list[nn.Module] = []
    for width in (32, 64, 128):
        layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
        channels = width
    side = pixels // 8
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(channels * side * side, size), nn.ReLU())


def train(model: nn.Module, images: Tensor, labels: Tensor, epochs: int) -> None:
    """By Adam on the cross entropy."""
    optimiser = torch.optim.Adam(model.parameters(), RATE)
    for epoch in range(epochs):
        order, total = torch.randperm(len(images)), 0.0
        for batch in order.split(BATCH):
            loss = nn.functional.cross_entropy(model(images[batch]), labels[batch])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            total += loss.item() * len(batch)
        print(f"epoch {epoch + 1}, loss {total / len(images):.3f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", nargs="+", required=True, help="NPZ or HDF5 files, as a source of kind file reads")
    parser.add_argument("--faces", action="store_true", help="embed scikit-image's 100 faces instead of the others")
    parser.add_argument("--seen", type=int, default=2000, help="images to train the encoder on; it embeds the others")
    parser.add_argument("--size", type=int, default=256, help="coordinates of an embedding")
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, required=True)
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    pools = [read_file(path) for path in options.images]
    images = torch.from_numpy(np.concatenate([pool.images for pool in pools]))
    classes = torch.from_numpy(np.concatenate([pool.classes for pool in pools]))
    if options.faces:
        faces = torch.from_numpy(load(Faces(kind="faces")).training.images)
        images = nn.functional.interpolate(images.mean(1, keepdim=True), faces.shape[2:], mode="area")
    _, channels, height, width = images.shape
    body = encoder(channels, options.size, math.isqrt(height * width))
    model = nn.Sequential(body, nn.Linear(options.size, int(classes.max()) + 1))
    train(model, images[: options.seen], classes[: options.seen], options.epochs)
    images, classes = images[options.seen :], classes[options.seen :]
    with torch.no_grad():
        inputs = torch.cat([body(batch) for batch in images.split(500)])
        right = (model[1](inputs).argmax(1) == classes).float().mean().item()
        print(f"the encoder labels {right:.1%} of the others right")
        if options.faces:
            images, inputs, classes = faces, body(faces), torch.zeros(len(faces), dtype=torch.int64)
    print(f"{(inputs > 0).float().mean().item():.0%} of the embeddings' coordinates are not 0")
    np.savez_compressed(
        options.output,
        inputs=inputs.numpy(),
        labels=classes.numpy(),
        images=(images.numpy().transpose(0, 2, 3, 1) * 255).round().astype(np.uint8),
    )


if __name__ == "__main__":
    main()
