"""Which representatives are likely real, told from the model and the candidates alone (measured in docs/evidence.md).

    score = agreement^3 / response, and 0 where the margin or the response is not positive; a regression tells no margin

Noise differs from restart to restart, so it finds little agreement. Mixtures of many images come back as faithfully
as images do, but keep what a class has in common and lose what sets images apart: for their norm they excite the
network more. And a network that fits its training images takes none of them for the other class.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from ..machine.blocks import blocks
from ..models.mlp import Network, activations, outputs

BLOCK = 8192  # candidates that the network sees at once
AGREEMENT_POWER = 3


@dataclass(frozen=True)
class Signals:
    """What the model says of N candidates, each (N,).

    margins: y Phi(x) of two classes, nan of a regression, whose targets are unknown; responses: |a_{L-1}(x)| / |x|, the
    last hidden layer's norm over the input's.
    """

    lambdas: np.ndarray
    margins: np.ndarray
    responses: np.ndarray

    def __getitem__(self, index: np.ndarray) -> Signals:
        return Signals(*(values[index] for values in vars(self).values()))

    def medians(self, membership: np.ndarray) -> Signals:
        """Over the members of each cluster 0 .. C-1, of candidates in clusters (N,)."""
        table = pd.DataFrame(vars(self)).groupby(membership).median()
        return Signals(*(table[name].to_numpy() for name in vars(self)))


def measure(network: Network, inputs: np.ndarray, labels: np.ndarray, lambdas: np.ndarray) -> Signals:
    """Signals of candidates: inputs (N, r) of the network, labels (N,), lambdas (N,)."""
    margins, responses = np.empty(len(inputs), np.float32), np.empty(len(inputs), np.float32)
    for block in blocks(len(inputs), BLOCK):
        candidates = torch.from_numpy(inputs[block]).to(network.weights[0].dtype)
        layers = activations(network, candidates)
        found = network.family.margins(outputs(network, layers), torch.from_numpy(labels[block]))
        margins[block] = torch.nan if network.regression else found
        norms = candidates.norm(dim=-1).clamp(min=torch.finfo(candidates.dtype).tiny)
        responses[block] = (layers[-1].norm(dim=-1) / norms).numpy()
    return Signals(lambdas, margins, responses)


def score(agreement: np.ndarray, signals: Signals) -> np.ndarray:
    """The score (C,) of representatives; its order is all that it means.

    agreement: (C,) in (0, 1], the share of restarts that agree, each counted by its similarity and its own by 1;
    signals: of the representatives. Under smooth activations a response may be too small for float32, and 0 with a
    positive margin.
    """
    sound = ~(signals.margins <= 0) & (signals.responses > 0)
    return np.divide(agreement**AGREEMENT_POWER, signals.responses, out=np.zeros(len(agreement)), where=sound)
