"""Training along the log-loss schedule, and what the published schedule reaches in the same time."""

import time

import torch
from problems import CPU, Images, image_arguments, load_images, machine, report
from reconstruction.configuration import ConstantSchedule, Model, Training
from reconstruction.descent import Record, descend
from reconstruction.diagnostics import on_margin, true_stationarity
from reconstruction.network import Network, initialise, outputs
from reconstruction.span import data_span
from reconstruction.train import fit

TARGETS = (1e-3, 1e-6, 1e-12)
PUBLISHED_EPOCHS = 1_000_000


def main() -> None:
    parser = image_arguments(__doc__)
    parser.add_argument("--hidden", type=int, nargs="+", default=[500, 500])
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    machine(CPU)
    images = load_images(options)
    settings = Model(hidden=options.hidden, training=Training(target_loss=TARGETS[-1]))

    begun, reached = time.perf_counter(), {}
    network, curve = fit(settings, images.training.double(), images.labels, CPU)
    spent = time.perf_counter() - begun
    for target in TARGETS:  # steps take equally long
        steps = next(row.step for row in curve if row.loss <= target)
        reached[target] = spent * steps / curve[-1].step
        report(f"training_seconds_to_{target:g}", reached[target])
    report("training_steps", curve[-1].step)
    describe("log_loss", network, curve[-1], images)

    published, row, steps_a_second = published_for(spent, options.hidden, images, settings)
    describe("published", published, row, images)
    report("published_steps", row.step)
    report("published_hours_for_its_million_epochs_extrapolated", PUBLISHED_EPOCHS / steps_a_second / 3600)


def describe(name: str, network: Network, row: Record, images: Images) -> None:
    """The loss, margins and stationarity of the true data, as shares of each layer's squared norm."""
    report(f"{name}_loss", row.loss)
    inputs = images.training.double()
    margins = (outputs(network.to(dtype=torch.float64), inputs) * images.labels).numpy()
    report(f"{name}_smallest_margin", margins.min())
    report(f"{name}_median_margin", float(sorted(margins)[len(margins) // 2]))
    report(f"{name}_on_margin", on_margin(margins).sum())
    truth = true_stationarity(network, inputs, images.labels)
    for layer, share in enumerate(truth.residuals / truth.squared_norms, start=1):
        report(f"{name}_layer{layer}_unexplained_by_the_true_images", share)


def published_for(limit: float, hidden: list[int], images: Images, settings: Model) -> tuple[Network, Record, float]:
    """Train by the published constant rate, in float64 within the span of the images, for so many seconds."""
    generator = torch.Generator().manual_seed(settings.seed)
    initial = initialise(images.training.shape[1], hidden, settings.first_layer_scale, generator)
    constant = Training(schedule=ConstantSchedule(kind="constant"), steps=100, target_loss=0, precision="float64")
    basis = data_span(images.training.double())
    within = initial.project_inputs(basis)
    network, inputs = within, images.training.double() @ basis.T
    steps, begun = 0, time.perf_counter()
    while time.perf_counter() - begun < limit:
        network, curve = descend(network, inputs, images.labels, constant, lambda row: None)
        steps += constant.steps
    last = curve[-1]
    row = Record(steps, last.loss, last.smallest_margin, last.median_margin, last.accuracy)
    speed = steps / (time.perf_counter() - begun)
    first = initial.weights[0] + (network.weights[0] - within.weights[0]) @ basis
    return Network((first, *network.weights[1:]), network.bias), row, speed


if __name__ == "__main__":
    main()
