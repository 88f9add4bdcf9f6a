"""The paths of the results tree, each spelt here and nowhere else.

What a pattern has in braces are names: wildcards for Snakemake, filled in by `format` for Python. Results lie below
results/, logs and benchmarks of the same names below logs/.
"""

from __future__ import annotations

from pathlib import Path

RESULTS, LOGS = "results", "logs"
NO_IMAGES = "no-images"  # stands for the data set where there is none
CONTROL = "~"  # DATASET~1, DATASET~2, ...: further images of a data set; MODEL~scrambled: its weights scrambled

OF_DATASET = "{dataset}"
SUBSET = OF_DATASET + "/subset.h5"

OF_MODEL = OF_DATASET + "/{model}"
MODEL = OF_MODEL + "/model.h5"
TRAINING = OF_MODEL + "/training.h5"

SCRAMBLED = CONTROL + "scrambled"
OF_SCRAMBLED = OF_MODEL + SCRAMBLED
SCRAMBLED_MODEL = OF_SCRAMBLED + "/model.h5"

OF_SWEEP = OF_MODEL + "/{sweep}"
OF_SHARD = OF_SWEEP + "/shards/{shard}"
SHARD = OF_SHARD + ".h5"
CANDIDATES = OF_SWEEP + "/candidates.h5"
EVALUATION = OF_SWEEP + "/evaluation.h5"
INSPECTION = OF_SWEEP + "/inspection.h5"
FIGURES = OF_SWEEP + "/figures"
PAIRS = FIGURES + "/pairs"
IMAGES = FIGURES + "/images.csv"
REPRESENTATIVES = FIGURES + "/representatives.csv"
RESTARTS = FIGURES + "/restarts.csv"
PAGE = OF_SWEEP + "/report.html"

INDEX = "index.html"
TABLE, TABLE_MD, TABLE_TEX = "table.csv", "table.md", "table.tex"
INTERVALS, CONTROLS, TIMINGS = "intervals.csv", "controls.csv", "timings.csv"


def result(pattern: str, **names: str) -> str:
    """A path below results/."""
    return f"{RESULTS}/{pattern.format(**names)}"


def names(search: str) -> dict[str, str]:
    """What DATASET/MODEL/SWEEP fills into a pattern."""
    return dict(zip(("dataset", "model", "sweep"), search.split("/"), strict=True))


def shard_name(number: int) -> str:
    return f"{number:04d}"


def below(folder: str, pattern: str) -> str:
    """A pattern from a folder of it on."""
    return pattern.removeprefix(folder + "/")


def progress_of(output: Path) -> Path:
    """The private file beside a shard's output that the shard goes on from."""
    return output.with_name(f".{output.stem}.progress.h5")
