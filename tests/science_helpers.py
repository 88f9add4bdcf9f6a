"""What the tests of the science share: random networks, and oracles that lean on autograd alone."""

import torch
from hypothesis import settings
from reconstruction.network import Network, initialise

torch.set_num_threads(1)  # on problems this small, threads that wait for each other cost more than they save
properties = settings(max_examples=30, deadline=None, derandomize=True, database=None)


def generator(seed):
    return torch.Generator().manual_seed(seed)


def random_network(input_size, hidden, seed=0):
    return initialise(input_size, hidden, 0.7, generator(seed))


def normal(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=generator(seed))


def uniform(*shape, seed=0):
    return torch.rand(*shape, dtype=torch.float64, generator=generator(seed))


def alternating(count):
    return torch.where(torch.arange(count) % 2 == 0, -1.0, 1.0).double()


def orthonormal(rows, columns, seed=0):
    """A random matrix (rows, columns) with orthonormal rows."""
    return torch.linalg.qr(normal(columns, rows, seed=seed)).Q.T.contiguous()


def relative(found, expected):
    """The norm of the difference over the norm, 0 where both are zero."""
    difference = (found - expected).norm().item()
    return difference / expected.norm().item() if difference else 0.0


class SmoothReLU(torch.autograd.Function):
    """ReLU forward; backward multiplies by sigmoid(alpha z), which is itself differentiated."""

    @staticmethod
    def forward(ctx, z, alpha):
        ctx.save_for_backward(z)
        ctx.alpha = alpha
        return z.relu()

    @staticmethod
    def backward(ctx, gradient):
        (z,) = ctx.saved_tensors
        return gradient * torch.sigmoid(ctx.alpha * z), None


def leaves(network):
    """The same network with parameters that autograd follows."""
    return Network(
        tuple(weight.detach().clone().requires_grad_() for weight in network.weights),
        network.bias.detach().clone().requires_grad_(),
    )


def forward(network, inputs, activation=torch.relu):
    hidden = activation(inputs @ network.weights[0].T + network.bias)
    for weight in network.weights[1:-1]:
        hidden = activation(hidden @ weight.T)
    return (hidden @ network.weights[-1].T).squeeze(-1)


def oracle_residuals(network, candidates, lambdas, labels, alpha):
    """Each layer's squared residual (L,) by autograd, for one restart: candidates (m, D), alpha a float."""
    followed = leaves(network)
    phi = forward(followed, candidates, lambda z: SmoothReLU.apply(z, alpha))
    explained = torch.autograd.grad(
        (lambdas * labels * phi).sum() / len(labels), followed.parameters, create_graph=True
    )
    squares = [(weight - part).square().sum() for weight, part in zip(network.parameters, explained, strict=True)]
    return torch.stack([squares[0] + squares[-1], *squares[1:-1]])


def oracle_loss(network, candidates, lambdas, labels, alpha, lambda_min, box_weight):
    """The whole loss of Haim et al. 2022, equation 5, with its published weights 1 and 5, for one restart."""
    return (
        oracle_residuals(network, candidates, lambdas, labels, alpha).sum()
        + box_weight * (candidates.abs() - 1).relu().square().sum()
        + 5 * (lambda_min - lambdas).relu().square().sum()
    )
