"""Commands beside the stages. A tool is imported by the command that runs it alone."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from ..configuration import parsing
from ..machine.devices import choose, limit_threads
from .arguments import CONFIGURATION_FILES, THREADS, command, configuration_files, option, path


@command(CONFIGURATION_FILES, option("--watch", action="store_true", help="again every few seconds, until all is made"))
def status(given: Namespace) -> None:
    """Print how far the experiments are, without disturbing them."""
    from ..tools import status, watch

    configuration = parsing.load_files([Path("config.yaml"), *given.configfile])
    (watch.watch if given.watch else status.show)(configuration, Path())


@command(option("given", nargs="*", metavar="-- OPTIONS", help="what Snakemake will be given; --configfile counts"))
def check(given: Namespace) -> None:
    """Refuse a configuration that cannot be used, one that Snakemake cannot read among them, in one sentence."""
    found, _ = configuration_files().parse_known_args(given.given)
    parsing.load_files([Path("config.yaml"), *found.configfile])


@command(option("given", nargs="*", metavar="-- OPTIONS", help="what Snakemake is given"))
def run(given: Namespace) -> int:
    """Run the workflow: one line that tells how far it is, or all lines where no terminal is attached."""
    from ..tools import run

    found, _ = configuration_files().parse_known_args(given.given)
    return run.run(parsing.load_files([Path("config.yaml"), *found.configfile]), given.given, Path())


@command(option("folder", type=Path, metavar="FOLDER", help="where the tables are"))
def show(given: Namespace) -> None:
    """Print a results table for reading in a terminal."""
    from ..tools import show

    show.show(given.folder)


@command(
    CONFIGURATION_FILES,
    option("--defaults", type=Path, default=Path("config.yaml"), metavar="PATH", help="(default: config.yaml)"),
    option("--results", type=Path, default=Path("results"), metavar="PATH", help="(default: results)"),
    option("--threads", type=int, default=1, metavar="N", help="CPU threads of a job (default: 1)"),
)
def estimate(given: Namespace) -> None:
    """Estimate what a configuration's experiments will take on this device."""
    from ..tools import estimate

    found = parsing.load_files([given.defaults, *given.configfile])
    limit_threads(given.threads)
    estimate.run(found, choose(found.device), given.results)


@command(
    option("folder", type=Path, metavar="FOLDER", help="of the sweep, with candidates.h5 and shards/"),
    option("--dry-run", action="store_true", help="list what would be removed, and remove nothing"),
)
def prune(given: Namespace) -> None:
    """Free the disk of a sweep's shards once their candidates are merged."""
    from ..tools import prune

    prune.run(given.folder, given.dry_run)


@command(
    path("model", "model.h5, or any network as torch.export.save writes it, .pt2"),
    path(
        "pool",
        "NPZ or HDF5 file of images, or vectors as inputs, labels or, of a regression, targets and, where it is known, "
        "boolean member",
    ),
    option(
        "--own-answers",
        action="store_true",
        help="ask with the model's own answers in place of labels, which the pool need not have then",
    ),
    path("output", "table of scores to write, .csv; the ROC curve goes beside it"),
    THREADS,
)
def membership(given: Namespace) -> None:
    """Score each image or vector of a pool by how likely the model was trained on it."""
    from ..tools import membership

    limit_threads(given.threads)
    membership.run(given.model, given.pool, given.output, given.own_answers)


@command()
def schema(given: Namespace) -> None:
    """Print the configuration's JSON schema."""
    print(parsing.schema(), end="")


COMMANDS = (run, status, check, show, estimate, prune, membership, schema)
