"""Training along the log-loss schedule, and what the published schedule reaches in the same time."""

import time

import torch
from problems import CPU, Images, image_arguments, load_images, machine, report, seconds
from reconstruction.configuration import ConstantSchedule, Model, Training
from reconstruction.models.mlp import Network
from reconstruction.models.mlp import margins as margins_of
from reconstruction.training.descent import Record
from reconstruction.training.fit import fit
from reconstruction.training.true_stationarity import on_margin, true_stationarity

TARGETS = (1e-3, 1e-6, 1e-12)
PUBLISHED_EPOCHS = 1_000_000
TRIAL_STEPS = 100


def main() -> None:
    parser = image_arguments(__doc__)
    parser.add_argument("--hidden", type=int, nargs="+", default=[500, 500])
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    machine(CPU)
    images = load_images(options)
    settings = Model(hidden=options.hidden, training=Training(target_loss=TARGETS[-1]))

    begun = time.perf_counter()
    network, curve = fit(settings, images.training.double(), images.labels, CPU)
    spent = time.perf_counter() - begun
    for target in TARGETS:  # steps take equally long
        steps = next(row.step for row in curve if row.loss <= target)
        report(f"training_seconds_to_{target:g}", spent * steps / curve[-1].step)
    report("training_steps", curve[-1].step)
    describe("log_loss", network, curve[-1], images)

    published, row, steps_a_second = published_for(spent, settings, images)
    describe("published", published, row, images)
    report("published_steps", row.step)
    report("published_hours_for_its_million_epochs_extrapolated", PUBLISHED_EPOCHS / steps_a_second / 3600)


def describe(name: str, network: Network, row: Record, images: Images) -> None:
    """The loss, margins and stationarity of the true data, as shares of each layer's squared norm."""
    report(f"{name}_loss", row.loss)
    inputs = images.training.double()
    margins = margins_of(network.to(dtype=torch.float64), inputs, images.labels).numpy()
    report(f"{name}_smallest_margin", margins.min())
    report(f"{name}_median_margin", float(sorted(margins)[len(margins) // 2]))
    report(f"{name}_on_margin", on_margin(margins).sum())
    truth = true_stationarity(network, inputs, images.labels)
    for layer, share in enumerate(truth.residuals / truth.squared_norms, start=1):
        report(f"{name}_layer{layer}_unexplained_by_the_true_images", share)


def published_for(limit: float, settings: Model, images: Images) -> tuple[Network, Record, float]:
    """Train by the published constant rate, in float64, for as many steps as so many seconds hold; steps a second."""

    def train(steps: int) -> tuple[Network, list[Record]]:
        training = Training(schedule=ConstantSchedule(kind="constant"), steps=steps, target_loss=0, precision="float64")
        constant = settings.model_copy(update={"training": training})
        return fit(constant, images.training.double(), images.labels, CPU)

    speed = TRIAL_STEPS / seconds(CPU, [lambda: train(TRIAL_STEPS)], 3)[0]
    network, curve = train(max(1, int(limit * speed)))
    return network, curve[-1], speed


if __name__ == "__main__":
    main()
