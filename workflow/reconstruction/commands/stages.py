"""The stages as commands on files, each named like its rule. A stage is imported by the command that runs it alone."""

from __future__ import annotations

import os
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from ..configuration import AdoptedModel, Dataset, Evaluation, Merge, Model, Restarts
from ..errors import UserError
from ..machine.devices import choose, limit_threads
from ..machine.signals import Notice
from . import arguments
from .arguments import DEVICE, THREADS, at_least, command, names, option, path, seconds, settings, settings_of

if TYPE_CHECKING:
    import torch


def _device(name: str) -> torch.device:
    """The device of that name; a cluster's job, which has asked for a GPU, says where it has none."""
    device = choose(name)
    if name == "auto" and device.type == "cpu" and "SLURM_JOB_ID" in os.environ:
        print("device: auto, and torch finds no GPU in this SLURM job: computing on its CPU", flush=True)
    return device


@command(settings_of(Dataset), path("output", "subset.h5 to write"))
def subset(given: Namespace) -> None:
    """Draw training, held-out and test images and label them."""
    from ..stages import subset

    subset.run(settings(given, Dataset), given.output)


@command(
    settings_of(Model),
    path("subset", "subset.h5"),
    path("model", "model.h5 to write: weights, input shape, preprocessing"),
    path("training", "training.h5 to write: curve, accuracies, diagnostics; the attack does not read it"),
    THREADS,
    DEVICE,
)
def train(given: Namespace) -> None:
    """Train the classifier to stationarity."""
    from ..stages import train

    found = settings(given, Model)
    limit_threads(given.threads)
    train.run(found, given.subset, given.model, given.training, _device(given.device))


@command(
    settings_of(AdoptedModel),
    path("weights", "the weights; stands for the key of that name"),
    path("subset", "subset.h5 of the images that they were trained on, if you have them", required=False),
    path("model", "model.h5 to write: weights, input shape, preprocessing"),
    path("training", "training.h5 to write where there is a subset", required=False),
    THREADS,
)
def adopt(given: Namespace) -> None:
    """Take over weights that were trained elsewhere, in place of `train`."""
    from ..stages import adopt

    found = settings(given, AdoptedModel, weights=str(given.weights))
    if (given.subset is None) != (given.training is None):
        raise UserError("--subset and --training belong together", "give both or neither")
    limit_threads(given.threads)
    adopt.run(found, given.model, given.subset, given.training)


@command(
    option("--seed", type=at_least(0), default=0, metavar="N", help="(default: 0)"),
    path("model", "model.h5"),
    path("output", "model.h5 to write"),
)
def scramble(given: Namespace) -> None:
    """Put a model's weights in disorder, for a control search."""
    from ..stages import scramble

    scramble.run(given.seed, given.model, given.output)


@command(
    settings_of(Restarts),
    path("model", "model.h5"),
    option("--shard", type=at_least(0), required=True, metavar="N", help="which shard, from 0"),
    path("output", "shard to write"),
    option(
        "--checkpoint-seconds",
        type=seconds,
        default=60.0,
        metavar="S",
        help="how often to save what an interrupted shard goes on from (default: 60)",
    ),
    THREADS,
    DEVICE,
)
def reconstruct(given: Namespace) -> None:
    """Run one shard of restarts against the model."""
    from ..stages import reconstruct

    found = settings(given, Restarts)
    limit_threads(given.threads)
    device = _device(given.device)
    with Notice() as notice:
        reconstruct.run(found, given.shard, given.model, given.output, device, given.checkpoint_seconds, notice)


@command(
    settings_of(Merge),
    path("model", "model.h5"),
    path("shards", "shards of one sweep", nargs="+"),
    path("output", "candidates.h5 to write"),
    THREADS,
)
def deduplicate(given: Namespace) -> None:
    """Merge and rank the candidates of all shards, blindly."""
    from ..stages import deduplicate

    found = settings(given, Merge)
    limit_threads(given.threads)
    deduplicate.run(found, given.model, given.shards, given.output)


@command(
    settings_of(Evaluation),
    option(
        "--experiment",
        required=True,
        type=names(3),
        metavar="DATASET/MODEL/SWEEP",
        help="names that stand in the table",
    ),
    path("subset", "subset.h5"),
    path("model", "model.h5"),
    path("training", "training.h5"),
    path("candidates", "candidates.h5"),
    option(
        "--control",
        action="append",
        default=[],
        nargs=3,
        metavar=("NAME", "MODEL", "CANDIDATES"),
        help="a control search's name, model.h5 and candidates.h5; may be repeated",
    ),
    path("output", "evaluation.h5 to write"),
    THREADS,
)
def evaluate(given: Namespace) -> None:
    """Match candidates with training and held-out images."""
    from ..stages import evaluate

    found = settings(given, Evaluation)
    limit_threads(given.threads)
    evaluate.run(
        found,
        given.experiment,
        given.subset,
        given.model,
        given.training,
        given.candidates,
        given.output,
        [(name, Path(model), Path(candidates)) for name, model, candidates in given.control],
    )


@command(
    option("--experiment", required=True, type=names(2), metavar="MODEL/SWEEP", help="names that stand in the table"),
    option("--count", type=at_least(1), default=30, metavar="N", help="representatives to show (default: 30)"),
    path("model", "model.h5"),
    path("candidates", "candidates.h5"),
    path(
        "public", "NPZ or HDF5 file of images or vectors that are not sought, to show what was found by", required=False
    ),
    path("output", "inspection.h5 to write"),
    THREADS,
)
def inspect(given: Namespace) -> None:
    """Show what was found without images to compare with, in place of `evaluate`."""
    from ..stages import inspect

    limit_threads(given.threads)
    inspect.run(given.count, given.experiment, given.model, given.candidates, given.output, given.public)


FOUND = (
    path("candidates", "candidates.h5"),
    path("subset", "subset.h5", required=False),
    path("training", "training.h5", required=False),
    path("evaluation", "evaluation.h5", required=False),
    path("inspection", "inspection.h5, where there are no images", required=False),
)


def _is_evaluated(given: Namespace) -> bool:
    """Whether FOUND are the files of an experiment with images; raises UserError where they are of neither kind."""
    of_evaluation = (given.subset, given.training, given.evaluation)
    if any(of_evaluation) == bool(given.inspection) or any(of_evaluation) != all(of_evaluation):
        raise UserError(
            "these files do not make one experiment",
            "give --subset, --training and --evaluation, or --inspection alone where there are no images",
        )
    return all(of_evaluation)


@command(*FOUND, path("figures", "folder for figures and tables", metavar="FOLDER"))
def draw(given: Namespace) -> None:
    """Draw an experiment's figures, and list its images or restarts."""
    from ..stages import draw

    if _is_evaluated(given):
        draw.of_evaluation(given.subset, given.training, given.candidates, given.evaluation, given.figures)
    else:
        draw.of_inspection(given.candidates, given.inspection, given.figures)


@command(path("model", "model.h5"), *FOUND, path("output", "HTML file to write"))
def page(given: Namespace) -> None:
    """Write an experiment's page: one HTML file that opens from disk."""
    from ..stages import page

    if _is_evaluated(given):
        page.of_evaluation(given.subset, given.model, given.training, given.candidates, given.evaluation, given.output)
    else:
        page.of_inspection(given.model, given.candidates, given.inspection, given.output)


@command(*arguments.EXPERIMENTS, path("folder", "where the tables go", metavar="FOLDER"))
def table(given: Namespace) -> None:
    """Write the results table: one row an experiment."""
    from ..stages import table

    evaluations, inspections, differences = arguments.experiments(given)
    table.run(evaluations, given.folder, inspections, differences)


@command(*arguments.EXPERIMENTS, path("output", "HTML file to write"))
def index(given: Namespace) -> None:
    """Show every experiment on one page, with links to what was made of each."""
    from ..stages import index

    evaluations, inspections, differences = arguments.experiments(given)
    index.run(evaluations, given.output, inspections, differences)


COMMANDS = (subset, train, adopt, scramble, reconstruct, deduplicate, evaluate, inspect, draw, page, table, index)
