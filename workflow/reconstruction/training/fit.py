"""Training a network to stationarity: the schedule, and the span of the data that it may run in."""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor

from ..configuration import ConstantSchedule, Model, Training
from ..errors import UserError
from ..machine.progress import Progress
from ..models.activations import activation_of
from ..models.mlp import Network, initialise
from ..models.regression import Regression
from ..models.softmax import outputs_for
from . import settling
from .descent import Record, TrainingDiverged, descend, first_loss


def fit(settings: Model, inputs: Tensor, labels: Tensor, device: torch.device) -> tuple[Network, list[Record]]:
    """Initialise and train, in the span of the data where it is smaller than the input space.

    inputs: (n, D) float64; labels: (n,). Gradient descent moves W_1 within the span of the inputs only,
    so the trained W_1 is the initial one plus its change within the span, exactly. Returns the network in
    float64 and the training curve. Raises UserError where the loss diverges.
    """
    generator = torch.Generator().manual_seed(settings.seed)
    initial = begin(settings, inputs.shape[1], outputs_for(labels), generator)
    basis = data_span(inputs)
    within = initial.project_inputs(basis)
    try:
        fitted, curve, shrinkage = _descend(
            within.to(device=device, dtype=getattr(torch, settings.training.precision)),
            (inputs @ basis.T).to(device, getattr(torch, settings.training.precision)),
            labels.to(device, getattr(torch, settings.training.precision)),
            settings.training,
        )
    except TrainingDiverged as error:
        raise UserError(
            f"train: {error}", "lower the step or learning_rate of the model's schedule, or widen its layers"
        ) from None
    fitted = fitted.to(device="cpu", dtype=torch.float64)
    outside = initial.weights[0] - within.weights[0] @ basis
    first = shrinkage * outside + fitted.weights[0] @ basis
    return fitted.with_first_layer(first), curve


def begin(settings: Model, size: int, outputs: int, generator: torch.Generator) -> Network:
    """The network that training begins with; outputs: of a classifier, where a regression has one."""
    everywhere = settings.biases == "every-layer"
    activation = activation_of(settings.activation, settings.negative_slope)
    regression, scale = Regression.of(settings.loss), settings.first_layer_scale
    count = 1 if regression else outputs
    network = initialise(size, settings.hidden, scale, generator, everywhere, count, activation)
    return replace(network, regression=regression)


def _descend(
    network: Network, inputs: Tensor, labels: Tensor, training: Training
) -> tuple[Network, list[Record], float]:
    """The trained network, its curve, and by how much weight decay has shrunk a weight that no image reaches."""
    progress = Progress("train")

    def say(done: float, row: Record) -> None:
        progress(done, f"step {row.step}, loss {row.loss:.2e}, smallest margin {row.smallest_margin:.2f}")

    schedule, decay, first = training.schedule, training.weight_decay, first_loss(network, labels)
    if isinstance(schedule, ConstantSchedule):
        trained, curve = descend(network, inputs, labels, training, lambda row: say(_done(row, training, first), row))
        return trained, curve, (1 - schedule.learning_rate * decay) ** curve[-1].step
    least = decay * (first if network.regression else 1)
    most = settling.FARTHEST * least if decay else math.inf
    target = min(max(least, training.target_loss), most)
    flow = training.model_copy(update={"weight_decay": 0.0, "target_loss": target})
    trained, curve = descend(network, inputs, labels, flow, lambda row: say(_done(row, flow, first), row))
    if not decay:
        return trained, curve, 1.0
    begun, steps = curve[-1].step, min(settling.STEPS, training.steps - curve[-1].step)
    progress = Progress("train: settling")
    trained, settled, shrinkage = settling.settle(
        trained, inputs, labels, decay, range(begun, begun + steps), lambda row: say((row.step - begun) / steps, row)
    )
    return trained, curve + settled, shrinkage


def _done(row: Record, training: Training, first: float) -> float:
    """How far training is, by its steps or by its log loss on the way from the first, whichever is further."""
    if row.loss <= training.target_loss:
        return 1.0
    by_steps = row.step / training.steps
    if not training.target_loss:
        return by_steps
    return max(by_steps, math.log(row.loss / first) / math.log(training.target_loss / first))


def data_span(inputs: Tensor) -> Tensor:
    """An orthonormal basis (r, D) of the span of inputs (n, D), r <= min(n, D)."""
    _, singular_values, right = torch.linalg.svd(inputs, full_matrices=False)
    tolerance = singular_values[0] * max(inputs.shape) * torch.finfo(inputs.dtype).eps
    return right[singular_values > tolerance]
