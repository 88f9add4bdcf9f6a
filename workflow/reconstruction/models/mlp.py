"""The classifier: an MLP, homogeneous in its parameters where its first layer alone has a bias and its activation is.

Phi(x) = W_L f(W_{L-1} ... f(W_1 x + b_1))          (Haim et al. 2022, section 3, where f is the ReLU)

Other layers may have a bias as well.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import torch
from torch import Tensor

from .activations import RELU, Activation
from .family import Family
from .regression import Regression
from .softmax import family_of


@dataclass(frozen=True)
class Network:
    """The weights of an MLP, whose outputs say of which family of classifiers it is.

    weights: W_k of shape (h_k, h_{k-1}), first layer to last; W_L has a row for each of the family's outputs.
    bias: b_1 of shape (h_1,), or None of a network that was trained without; later_biases: b_2 .. b_L, where any
    layer beyond the first has one; activation: of every hidden layer; regression: the family of a network that is no
    classifier.
    """

    weights: tuple[Tensor, ...]
    bias: Tensor | None
    later_biases: tuple[Tensor | None, ...] = ()
    activation: Activation = RELU
    regression: Regression | None = None

    @staticmethod
    def of(
        weights: Sequence[Tensor],
        biases: Sequence[Tensor | None],
        activation: Activation = RELU,
        regression: Regression | None = None,
    ) -> Network:
        """The network with a bias, or None, for each layer."""
        bias, *later = biases
        some = tuple(later) if any(bias is not None for bias in later) else ()
        return Network(tuple(weights), bias, some, activation, regression)

    def with_layers(self, weights: Sequence[Tensor], biases: Sequence[Tensor | None]) -> Network:
        """Other layers, with a bias or None for each, of the same activation and family."""
        return Network.of(weights, biases, self.activation, self.regression)

    def __str__(self) -> str:
        return "-".join(map(str, self.sizes))

    @property
    def family(self) -> Family:
        return self.regression or family_of(len(self.weights[-1]))

    @property
    def input_size(self) -> int:
        return self.weights[0].shape[1]

    @property
    def sizes(self) -> tuple[int, ...]:
        """Layer sizes from the input to the output: (D, h_1, ..., C)."""
        return (self.input_size, *(weight.shape[0] for weight in self.weights))

    @property
    def biases(self) -> tuple[Tensor | None, ...]:
        """b_k of shape (h_k,) of every layer, None where it has none."""
        return (self.bias, *(self.later_biases or (None,) * (len(self.weights) - 1)))

    @property
    def is_homogeneous(self) -> bool:
        """In all parameters together."""
        return self.activation.is_homogeneous and not self.later_biases

    @property
    def parameters(self) -> tuple[Tensor, ...]:
        return (*self.weights, *(bias for bias in self.biases if bias is not None))

    @property
    def squared_norms(self) -> Tensor:
        """Each layer's squared norm (L,), its bias counted with it."""
        norms = torch.stack([weight.square().sum() for weight in self.weights])
        for layer, bias in enumerate(self.biases):
            if bias is not None:
                norms[layer] += bias.square().sum()
        return norms

    def map(self, change: Callable[[Tensor], Tensor]) -> Network:
        """The network with every parameter changed."""
        weights = [change(weight) for weight in self.weights]
        biases = [None if bias is None else change(bias) for bias in self.biases]
        return self.with_layers(weights, biases)

    def to(self, *, device: torch.device | str | None = None, dtype: torch.dtype | None = None) -> Network:
        return self.map(lambda parameter: parameter.to(device=device, dtype=dtype))

    def project_inputs(self, basis: Tensor) -> Network:
        """The same network on coordinates c of inputs x = c @ basis; basis (r, D) has orthonormal rows."""
        return self.with_first_layer(self.weights[0] @ basis.T)

    def with_first_layer(self, weight: Tensor) -> Network:
        return replace(self, weights=(weight, *self.weights[1:]))


def initialise(
    input_size: int,
    hidden: list[int],
    first_layer_scale: float,
    generator: torch.Generator,
    later_biases: bool = False,
    outputs: int = 1,
    activation: Activation = RELU,
) -> Network:
    """Draw the initial float64 weights of the published experiments.

    The first layer's weights and bias are N(0, first_layer_scale^2); the others, and their biases where they have
    some, have PyTorch's default initialisation, U(-1/sqrt(fan_in), 1/sqrt(fan_in)).
    """

    def default(fan_in: int, *shape: int) -> Tensor:
        return (2 * torch.rand(*shape, generator=generator, dtype=torch.float64) - 1) / math.sqrt(fan_in)

    sizes = [input_size, *hidden, outputs]
    weights = []
    for layer, (fan_in, fan_out) in enumerate(pairwise(sizes)):
        if layer == 0:
            drawn = torch.randn(fan_out, fan_in, generator=generator, dtype=torch.float64)
            weights.append(drawn * first_layer_scale)
        else:
            weights.append(default(fan_in, fan_out, fan_in))
    bias = torch.randn(sizes[1], generator=generator, dtype=torch.float64) * first_layer_scale
    later = [default(fan_in, fan_out) if later_biases else None for fan_in, fan_out in pairwise(sizes[1:])]
    return Network.of(weights, [bias, *later], activation)


def activations(network: Network, inputs: Tensor) -> list[Tensor]:
    """Inputs a_0 (..., n, D) and the hidden activations a_1 .. a_{L-1} (..., n, h_k)."""
    layers = [inputs]
    for k in range(1, len(network.weights)):
        layers.append(network.activation.value_(before_activation(network, layers[-1], k)))
    return layers


def before_activation(network: Network, layer: Tensor, k: int) -> Tensor:
    """z_k (..., n, h_k) of a_{k-1}, for each layer k = 1 .. L; the last is Phi(x), of C outputs."""
    product, bias = layer @ network.weights[k - 1].T, network.biases[k - 1]
    return product if bias is None else product + bias


def outputs(network: Network, layers: list[Tensor]) -> Tensor:
    """Phi(x) of shape (..., n, C), of the activations of n inputs."""
    return before_activation(network, layers[-1], len(network.weights))


def phi(network: Network, inputs: Tensor) -> Tensor:
    """Phi(x) of shape (..., n, C), of inputs (..., n, D)."""
    return outputs(network, activations(network, inputs))


def margins(network: Network, inputs: Tensor, labels: Tensor) -> Tensor:
    """The margins (..., n) of inputs (..., n, D) with labels (n,)."""
    return network.family.margins(phi(network, inputs), labels)


def sensitivities(network: Network, layers: list[Tensor], labels: Tensor) -> list[Tensor]:
    """dq/dz_k of shape (n, h_k) of the log-odds q, for each hidden layer k = 1 .. L-1, then dq/dPhi (n, C)."""
    activation = network.activation
    deltas = [network.family.log_odds_gradient(outputs(network, layers), labels)]
    for k in range(len(network.weights) - 1, 0, -1):
        z = layers[k] if activation.is_homogeneous else before_activation(network, layers[k - 1], k)
        deltas.append((deltas[-1] @ network.weights[k]) * activation.derivative(z))
    return deltas[::-1]


def gradient_grams(network: Network, layers: list[Tensor], deltas: list[Tensor]) -> list[Tensor]:
    """Inner products (n, n) of grad_{W_k} q_i = delta_k,i^T a_{k-1,i}, for each layer k.

    layers and deltas: activations and sensitivities of the n inputs. A bias, one more input that is always 1,
    belongs to its layer.
    """
    inner = [layer @ layer.T for layer in layers]
    for product, bias in zip(inner, network.biases, strict=True):
        if bias is not None:
            product += 1
    return [(delta @ delta.T) * product for delta, product in zip(deltas, inner, strict=True)]
