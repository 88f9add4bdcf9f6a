"""A command of the command line, and the options that several of them have."""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..configuration import Section, parsing, spelling
from ..errors import UserError

Option = Callable[[argparse.ArgumentParser], object]  # adds itself to a command's parser
Run = Callable[[argparse.Namespace], int | None]  # returns its exit status, where it may fail without a sentence


@dataclass(frozen=True)
class Command:
    """A function with its name, its docstring as summary, and its options."""

    run: Run
    options: tuple[Option, ...]

    @property
    def name(self) -> str:
        return self.run.__name__

    @property
    def summary(self) -> str:
        return self.run.__doc__ or ""

    def add_to(self, commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
        parser = commands.add_parser(
            self.name, description=self.summary, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        for option in self.options:
            option(parser)
        parser.set_defaults(run=self.run)


def command(*options: Option) -> Callable[[Run], Command]:
    """Makes a command of the function below it."""
    return lambda run: Command(run, options)


def option(*names: str, **keywords: Any) -> Option:
    return lambda parser: parser.add_argument(*names, **keywords)


def path(name: str, meaning: str, *, nargs: str | None = None, required: bool = True, metavar: str = "FILE") -> Option:
    return option(f"--{name}", type=Path, required=required, metavar=metavar, help=meaning, nargs=nargs)


def settings_of(section: type[Section]) -> Option:
    """--settings, with the section's keys below the options."""

    def add(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--settings", required=True, metavar="YAML", help="settings as YAML or JSON, or @FILE")
        parser.epilog = f"keys of --settings, with their defaults:\n{parsing.describe(section)}"

    return add


THREADS = option("--threads", type=int, default=0, metavar="N", help="CPU threads (default: all)")
DEVICE = option("--device", choices=("auto", "cpu", "cuda"), default="auto", help="(default: auto)")
CONFIGURATION_FILES = option(
    "--configfile",
    "--configfiles",
    type=Path,
    nargs="+",
    default=[],
    metavar="FILE",
    help="files laid over config.yaml, as for Snakemake",
)


def configuration_files() -> argparse.ArgumentParser:
    """A parser of that option alone, among others."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    CONFIGURATION_FILES(parser)
    return parser


def settings(given: argparse.Namespace, section: type[parsing.AnySection], **keys: str) -> parsing.AnySection:
    """What --settings says, and further keys; raises UserError."""
    text: str = given.settings
    if not text.startswith("@"):
        return parsing.parse_yaml(section, text, "--settings", **keys)
    file = Path(text[1:])
    return parsing.parse_yaml(section, spelling.text_of(file), str(file), **keys)


def mapping(text: str) -> dict[str, Any]:
    """The type of values by name, as JSON."""
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise argparse.ArgumentTypeError(f"{text!r} is no JSON of values by name")
    return found


def at_least(smallest: int) -> Callable[[str], int]:
    """The type of whole numbers from the smallest up."""

    def number(text: str) -> int:
        if not text.isdecimal() or int(text) < smallest:
            raise argparse.ArgumentTypeError(f"{text!r} is no whole number from {smallest} up")
        return int(text)

    return number


def seconds(text: str) -> float:
    """The type of durations."""
    try:
        duration = float(text)
    except ValueError:
        duration = -1
    if not 0 <= duration < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds")
    return duration


def names(count: int) -> Callable[[str], str]:
    """The type of so many names with / between them."""

    def joined(text: str) -> str:
        if len([part for part in text.split("/") if part]) != count or text.count("/") != count - 1:
            raise argparse.ArgumentTypeError(f"{text!r} is not {count} names with / between them")
        return text

    return joined


EXPERIMENTS = (
    path("evaluations", "evaluation.h5 files", nargs="*", required=False),
    path("inspections", "inspection.h5 files", nargs="*", required=False),
    option(
        "--differences",
        type=mapping,
        nargs="*",
        default=[],
        metavar="JSON",
        help='settings in which they differ, such as {"model.seed": 1}, one for each in this order; by default none',
    ),
)


def experiments(given: argparse.Namespace) -> tuple[list[Path], list[Path], list[dict[str, Any]]]:
    """What EXPERIMENTS are; raises UserError where their differences are not those of all."""
    evaluations, inspections = given.evaluations or [], given.inspections or []
    if given.differences and len(given.differences) != (count := len(evaluations) + len(inspections)):
        raise UserError(f"{len(given.differences)} differences are given for {count} experiments", "give one for each")
    return evaluations, inspections, given.differences
