"""The stationarity term of the KKT conditions and its gradient, in closed form.

    L_k = || W_k - (1/m) sum_i lambda_i grad_{W_k} q_i ||^2        (Haim et al. 2022, equation 5)

with the log-odds q_i of the labels, y_i Phi(x_i) of two classes. For an MLP, grad_{W_k} q_i is the outer product of the
back-propagated sensitivity delta_k and the activation a_{k-1}, so the sum over candidates is one matrix product,
G_k = delta_k^T a_{k-1}. Neither the loss nor its gradient needs autograd. Restarts stack into a leading batch axis B.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.linalg import vector_norm

from ...models.mlp import Network, outputs
from .gates import gate, gate_derivative


@dataclass(frozen=True)
class Stationarity:
    """residuals: (B, L), one a layer, its bias counted with it; gradients of their weighted sum."""

    residuals: Tensor
    candidates_gradient: Tensor  # (B, m, D)
    lambdas_gradient: Tensor  # (B, m)


def stationarity(
    network: Network,
    candidates: Tensor,
    lambdas: Tensor,
    labels: Tensor,
    alpha: Tensor,
    layer_weights: Sequence[float] | None = None,
) -> Stationarity:
    """Each layer's squared residual, and the gradient of their sum, each times its layer weight (1 by default).

    candidates: (B, m, D); lambdas: (B, m); labels: (m,) of the network's family; alpha: (B,), the sharpness of
    the sigmoid that stands for the ReLU's derivative in every backward pass (gates.py). The forward
    pass stays a ReLU, and the sigmoid is itself differentiated. The network's dtype is that of the products;
    sums over a layer are float32 at least. A layer without a bias has no equation for one.
    """
    weights, biases = network.weights, network.biases
    dtype = weights[0].dtype
    candidates, lambdas, alpha = candidates.to(dtype), lambdas.to(dtype), alpha.to(dtype)
    depth = len(weights)
    batch, count, _ = candidates.shape
    sharpness = alpha.view(batch, 1, 1)

    # Forward: a_k = f(z_k), s_k = the gate at z_k, for k = 1 .. L-1
    activation = network.activation
    products, layers, gates = [], [candidates], []
    for k in range(depth - 1):
        product = layers[-1] @ weights[k].T
        if (bias := biases[k]) is not None:
            product += bias
        gates.append(gate(activation, product, sharpness))
        layers.append(activation.value_(product))
        products.append(product)  # overwritten by a_k, unless the gate's derivative needs z_k

    # Backward: delta_L = lambda / m dq/dPhi, delta_k = u_k * s_k with u_k = delta_{k+1} W_{k+1}
    found = outputs(network, layers)
    output_gradient = (network.family.log_odds_gradient(found, labels) / count).to(dtype)
    deltas = [lambdas.unsqueeze(-1) * output_gradient]
    ungated = []
    for k in range(depth - 1, 0, -1):
        ungated.append(deltas[-1] @ weights[k])
        deltas.append(ungated[-1] * gates[k - 1])
    deltas.reverse()  # deltas[k - 1] is delta_k
    ungated.reverse()

    # Residuals R_k = W_k - G_k. The gradient of their squares is -2 R_k dG_k; the -2 waits until the end.
    differences = [
        torch.baddbmm(weight.expand(batch, -1, -1), delta.mT, layer, alpha=-1)
        for weight, delta, layer in zip(weights, deltas, layers, strict=True)
    ]
    bias_differences = [
        None if bias is None else bias - delta.sum(-2) for bias, delta in zip(biases, deltas, strict=True)
    ]
    wide = torch.promote_types(dtype, torch.float32)
    residuals = torch.stack([vector_norm(part, dim=(-2, -1), dtype=wide).square() for part in differences], -1)
    for k, bias_difference in enumerate(bias_differences):
        if bias_difference is not None:
            residuals[:, k] += vector_norm(bias_difference, dim=-1, dtype=wide).square()
    for difference, bias_difference, weight_of_layer in zip(
        differences, bias_differences, layer_weights or (), strict=False
    ):
        if weight_of_layer != 1:
            difference *= weight_of_layer
            if bias_difference is not None:
                bias_difference *= weight_of_layer

    # Reverse of the backward pass, first layer to last: gradients of delta_k, and of s_k through it
    gate_gradients = []
    for k in range(depth):
        if k == 0:
            delta_gradient = layers[0] @ differences[0].mT
        else:
            gate_gradients.append(delta_gradient * ungated[k - 1])
            delta_gradient *= gates[k - 1]
            delta_gradient = delta_gradient @ weights[k].T
            delta_gradient += layers[k] @ differences[k].mT
        if (bias_difference := bias_differences[k]) is not None:
            delta_gradient += bias_difference.unsqueeze(-2)
    lambdas_gradient = (delta_gradient * (-2 * output_gradient)).sum(-1)

    # Reverse of the forward pass, last layer to first: dz_k = s_k * da_k + ds_k/dz_k * ds_k
    layer_gradient = deltas[-1] @ differences[-1]
    curved = network.family.log_odds_curved(found, labels, delta_gradient)
    if curved is not None:
        layer_gradient += (curved * (lambdas.unsqueeze(-1) / count)) @ weights[-1]
    for k in range(depth - 1, 0, -1):
        changed = gate_derivative(activation, products[k - 1], gates[k - 1], sharpness)
        product_gradient = layer_gradient.mul_(gates[k - 1]).addcmul_(changed, gate_gradients[k - 1])
        layer_gradient = product_gradient @ weights[k - 1]
        layer_gradient += deltas[k - 1] @ differences[k - 1]

    return Stationarity(residuals, layer_gradient.mul_(-2), lambdas_gradient)
