"""The stages as commands on files: python -m reconstruction STAGE --help."""

from __future__ import annotations

import argparse
import math
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from . import __version__, configuration
from .configuration import parsing
from .errors import UserError
from .machine.signals import Interrupted, Notice

if TYPE_CHECKING:
    import torch


def main(arguments: list[str] | None = None) -> int:
    parsed = _parser().parse_args(arguments)
    try:
        parsed.run(parsed)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except Interrupted as interruption:
        try:
            print(interruption, flush=True)
        except BrokenPipeError:
            _discard_output()
        return interruption.exit_status
    except BrokenPipeError:  # whoever read the output has seen enough
        _discard_output()
        return 1
    return 0


def _discard_output() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _subset(arguments: argparse.Namespace) -> None:
    from .stages import subset

    subset.run(_settings(arguments, configuration.Dataset), arguments.output)


def _train(arguments: argparse.Namespace) -> None:
    from .stages import train

    settings = _settings(arguments, configuration.Model)
    train.run(settings, arguments.subset, arguments.model, arguments.training, _device(arguments))


def _adopt(arguments: argparse.Namespace) -> None:
    from .stages import adopt

    _limit_threads(arguments)
    settings = _settings(arguments, configuration.AdoptedModel, weights=str(arguments.weights))
    if (arguments.subset is None) != (arguments.training is None):
        raise UserError("--subset and --training belong together", "give both or neither")
    adopt.run(settings, arguments.model, arguments.subset, arguments.training)


def _scramble(arguments: argparse.Namespace) -> None:
    from .stages import scramble

    scramble.run(arguments.seed, arguments.model, arguments.output)


def _reconstruct(arguments: argparse.Namespace) -> None:
    from .stages import reconstruct

    settings = _settings(arguments, configuration.Restarts)
    with Notice() as notice:
        reconstruct.run(
            settings,
            arguments.shard,
            arguments.model,
            arguments.output,
            _device(arguments),
            arguments.checkpoint_seconds,
            notice,
        )


def _deduplicate(arguments: argparse.Namespace) -> None:
    from .stages import deduplicate

    _limit_threads(arguments)
    settings = _settings(arguments, configuration.Merge)
    deduplicate.run(settings, arguments.model, arguments.shards, arguments.output)


def _evaluate(arguments: argparse.Namespace) -> None:
    from .stages import evaluate

    _limit_threads(arguments)
    evaluate.run(
        _settings(arguments, configuration.Evaluation),
        arguments.experiment,
        arguments.subset,
        arguments.model,
        arguments.training,
        arguments.candidates,
        arguments.output,
        [(name, Path(model), Path(candidates)) for name, model, candidates in arguments.control],
    )


def _inspect(arguments: argparse.Namespace) -> None:
    from .stages import inspect

    _limit_threads(arguments)
    inspect.run(arguments.count, arguments.experiment, arguments.model, arguments.candidates, arguments.output)


def _draw(arguments: argparse.Namespace) -> None:
    from .stages import draw

    if _is_evaluated("draw", arguments):
        draw.of_evaluation(
            arguments.subset, arguments.training, arguments.candidates, arguments.evaluation, arguments.figures
        )
    else:
        draw.of_inspection(arguments.candidates, arguments.inspection, arguments.figures)


def _page(arguments: argparse.Namespace) -> None:
    from .stages import page

    if _is_evaluated("page", arguments):
        page.of_evaluation(
            arguments.subset,
            arguments.model,
            arguments.training,
            arguments.candidates,
            arguments.evaluation,
            arguments.output,
        )
    else:
        page.of_inspection(arguments.model, arguments.candidates, arguments.inspection, arguments.output)


def _is_evaluated(stage: str, arguments: argparse.Namespace) -> bool:
    """Whether the files are those of an experiment with images; raises UserError where they are of neither kind."""
    of_evaluation = (arguments.subset, arguments.training, arguments.evaluation)
    if any(of_evaluation) == bool(arguments.inspection) or any(of_evaluation) != all(of_evaluation):
        raise UserError(
            f"{stage}: files of no one experiment",
            "give --subset, --training and --evaluation, or --inspection alone where there are no images",
        )
    return all(of_evaluation)


def _membership(arguments: argparse.Namespace) -> None:
    from .tools import membership

    _limit_threads(arguments)
    membership.run(arguments.model, arguments.pool, arguments.output)


def _table(arguments: argparse.Namespace) -> None:
    from .stages import table

    table.run(arguments.evaluations or [], arguments.folder, arguments.inspections or [])


def _show(arguments: argparse.Namespace) -> None:
    from .tools import show

    show.show(arguments.folder)


def _status(arguments: argparse.Namespace) -> None:
    from .tools import status

    status.show(parsing.load_files([Path("config.yaml"), *arguments.configfile]), Path())


def _prune(arguments: argparse.Namespace) -> None:
    from .tools import prune

    prune.run(arguments.folder, arguments.dry_run)


def _estimate(arguments: argparse.Namespace) -> None:
    from .tools import estimate

    found = parsing.load_files([arguments.defaults, *arguments.configfile])
    arguments.device = found.device
    estimate.run(found, _device(arguments), arguments.results)


def _schema(arguments: argparse.Namespace) -> None:
    print(parsing.schema(), end="")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m reconstruction",
        description="Reconstruct training data from trained neural networks (Haim et al., NeurIPS 2022). "
        "Each stage reads the files of the stages before it; the Snakefile runs them in order.",
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(title="stages", required=True, metavar="STAGE")

    def stage(
        name: str,
        run: Callable[[argparse.Namespace], None],
        summary: str,
        section: type[configuration.Section] | None = None,
    ) -> argparse.ArgumentParser:
        keys = f"keys of --settings, with their defaults:\n{parsing.describe(section)}" if section else None
        command = commands.add_parser(
            name, help=summary, description=summary, epilog=keys, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        command.set_defaults(run=run)
        if section:
            command.add_argument("--settings", required=True, metavar="YAML", help="settings as YAML or JSON, or @FILE")
        return command

    def path(
        command: argparse.ArgumentParser, name: str, meaning: str, *, nargs: str | None = None, required: bool = True
    ) -> None:
        command.add_argument(f"--{name}", type=Path, required=required, metavar="FILE", help=meaning, nargs=nargs)

    def compute(command: argparse.ArgumentParser, devices: bool) -> None:
        command.add_argument("--threads", type=int, default=0, metavar="N", help="CPU threads (default: all)")
        if devices:
            command.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto", help="(default: auto)")

    def configuration_files(command: argparse.ArgumentParser) -> None:
        command.add_argument(
            "--configfile",
            type=Path,
            nargs="+",
            default=[],
            metavar="FILE",
            help="files laid over config.yaml, as for Snakemake",
        )

    subset = stage("subset", _subset, "Draw training, held-out and test images and label them.", configuration.Dataset)
    path(subset, "output", "subset.h5 to write")

    train = stage("train", _train, "Train the classifier to stationarity.", configuration.Model)
    path(train, "subset", "subset.h5")
    path(train, "model", "model.h5 to write: weights, input shape, preprocessing")
    path(train, "training", "training.h5 to write: curve, accuracies, diagnostics; the attack does not read it")
    compute(train, devices=True)

    adopt = stage(
        "adopt",
        _adopt,
        "Take over weights that were trained elsewhere, in place of `train`.",
        configuration.AdoptedModel,
    )
    path(adopt, "weights", "the weights; stands for the key of that name")
    path(adopt, "subset", "subset.h5 of the images that they were trained on, if you have them", required=False)
    path(adopt, "model", "model.h5 to write: weights, input shape, preprocessing")
    path(adopt, "training", "training.h5 to write where there is a subset", required=False)
    compute(adopt, devices=False)

    scramble = stage("scramble", _scramble, "Put a model's weights in disorder, for a control search.")
    scramble.add_argument("--seed", type=_at_least(0), default=0, metavar="N", help="(default: 0)")
    path(scramble, "model", "model.h5")
    path(scramble, "output", "model.h5 to write")

    reconstruct = stage(
        "reconstruct", _reconstruct, "Run one shard of restarts against the model.", configuration.Restarts
    )
    path(reconstruct, "model", "model.h5")
    reconstruct.add_argument("--shard", type=_at_least(0), required=True, metavar="N", help="which shard, from 0")
    path(reconstruct, "output", "shard to write")
    reconstruct.add_argument(
        "--checkpoint-seconds",
        type=_seconds,
        default=60.0,
        metavar="S",
        help="how often to save what an interrupted shard goes on from (default: 60)",
    )
    compute(reconstruct, devices=True)

    deduplicate = stage(
        "deduplicate", _deduplicate, "Merge and rank the candidates of all shards, blindly.", configuration.Merge
    )
    path(deduplicate, "model", "model.h5")
    path(deduplicate, "shards", "shards of one sweep", nargs="+")
    path(deduplicate, "output", "candidates.h5 to write")
    compute(deduplicate, devices=False)

    evaluate = stage(
        "evaluate", _evaluate, "Match candidates with training and held-out images.", configuration.Evaluation
    )
    evaluate.add_argument(
        "--experiment",
        required=True,
        type=_names(3),
        metavar="DATASET/MODEL/SWEEP",
        help="names that stand in the table",
    )
    path(evaluate, "subset", "subset.h5")
    path(evaluate, "model", "model.h5")
    path(evaluate, "training", "training.h5")
    path(evaluate, "candidates", "candidates.h5")
    evaluate.add_argument(
        "--control",
        action="append",
        default=[],
        nargs=3,
        metavar=("NAME", "MODEL", "CANDIDATES"),
        help="a control search's name, model.h5 and candidates.h5; may be repeated",
    )
    path(evaluate, "output", "evaluation.h5 to write")
    compute(evaluate, devices=False)

    inspect = stage("inspect", _inspect, "Show what was found without images to compare with, in place of `evaluate`.")
    inspect.add_argument(
        "--experiment", required=True, type=_names(2), metavar="MODEL/SWEEP", help="names that stand in the table"
    )
    inspect.add_argument(
        "--count", type=_at_least(1), default=30, metavar="N", help="representatives to show (default: 30)"
    )
    path(inspect, "model", "model.h5")
    path(inspect, "candidates", "candidates.h5")
    path(inspect, "output", "inspection.h5 to write")
    compute(inspect, devices=False)

    def found(command: argparse.ArgumentParser) -> None:
        path(command, "candidates", "candidates.h5")
        path(command, "subset", "subset.h5", required=False)
        path(command, "training", "training.h5", required=False)
        path(command, "evaluation", "evaluation.h5", required=False)
        path(command, "inspection", "inspection.h5, where there are no images", required=False)

    draw = stage("draw", _draw, "Draw an experiment's figures, and list its images or restarts.")
    found(draw)
    draw.add_argument("--figures", type=Path, required=True, metavar="FOLDER", help="folder for figures and tables")

    page = stage("page", _page, "Write an experiment's page: one HTML file that opens from disk.")
    path(page, "model", "model.h5")
    found(page)
    path(page, "output", "HTML file to write")

    membership = stage(
        "membership", _membership, "Score each image of a pool by how likely the model was trained on it."
    )
    path(membership, "model", "model.h5")
    path(membership, "pool", "NPZ of images, labels of two classes and, where it is known, boolean member")
    path(membership, "output", "table of scores to write, .csv; the ROC curve goes beside it")
    compute(membership, devices=False)

    table = stage("table", _table, "Write the results table: one row an experiment.")
    path(table, "evaluations", "evaluation.h5 files", nargs="*", required=False)
    path(table, "inspections", "inspection.h5 files", nargs="*", required=False)
    table.add_argument("--folder", type=Path, required=True, metavar="FOLDER", help="where the tables go")

    show = stage("show", _show, "Print a results table for reading in a terminal.")
    show.add_argument("folder", type=Path, metavar="FOLDER", help="where the tables are")

    status = stage("status", _status, "Print how far the experiments are, without disturbing them.")
    configuration_files(status)

    prune = stage("prune", _prune, "Free the disk of a sweep's shards once their candidates are merged.")
    prune.add_argument("folder", type=Path, metavar="FOLDER", help="of the sweep, with candidates.h5 and shards/")
    prune.add_argument("--dry-run", action="store_true", help="list what would be removed, and remove nothing")

    estimate = stage("estimate", _estimate, "Estimate what a configuration's experiments will take on this device.")
    configuration_files(estimate)
    for name, default in (("defaults", "config.yaml"), ("results", "results")):
        estimate.add_argument(
            f"--{name}", type=Path, default=Path(default), metavar="PATH", help=f"(default: {default})"
        )
    estimate.add_argument("--threads", type=int, default=1, metavar="N", help="CPU threads of a job (default: 1)")

    stage("schema", _schema, "Print the configuration's JSON schema.")
    return parser


def _at_least(smallest: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        if not text.isdecimal() or int(text) < smallest:
            raise argparse.ArgumentTypeError(f"{text!r} is no whole number from {smallest} up")
        return int(text)

    return number


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1
    if not 0 <= seconds < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds")
    return seconds


def _names(count: int) -> Callable[[str], str]:
    def names(text: str) -> str:
        if len([part for part in text.split("/") if part]) != count or text.count("/") != count - 1:
            raise argparse.ArgumentTypeError(f"{text!r} is not {count} names with / between them")
        return text

    return names


def _settings(arguments: argparse.Namespace, section: type[parsing.AnySection], **given: str) -> parsing.AnySection:
    text = arguments.settings
    if not text.startswith("@"):
        return parsing.parse_yaml(section, text, "--settings", **given)
    path = text[1:]
    try:
        return parsing.parse_yaml(section, Path(path).read_text(), path, **given)
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read ({error})", "give a YAML file") from None


def _limit_threads(arguments: argparse.Namespace) -> None:
    import torch
    from threadpoolctl import threadpool_limits

    if arguments.threads:
        torch.set_num_threads(arguments.threads)
        threadpool_limits(arguments.threads)


def _device(arguments: argparse.Namespace) -> torch.device:
    import torch

    _limit_threads(arguments)
    available = torch.cuda.is_available()
    if arguments.device == "cuda" and not available:
        raise UserError("device: cuda, but torch finds no GPU here", "set device to cpu or auto")
    wanted = arguments.device if arguments.device != "auto" else ("cuda" if available else "cpu")
    return torch.device(wanted)


if __name__ == "__main__":
    sys.exit(main())
