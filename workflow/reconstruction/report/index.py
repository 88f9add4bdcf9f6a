"""Every experiment on one page, results/index.html: verdicts, the table to sort, charts along what differs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from markupsafe import Markup

from ..evaluation.quantities import QUANTITIES
from ..files import layout
from . import comparison, table, verdict
from .page import charting_library, policy
from .row import EXPERIMENT
from .templating import read, template

MADE = (layout.FIGURES, layout.IMAGES, layout.EVALUATION)  # of an experiment, beside its page
MADE_WITHOUT_IMAGES = (layout.FIGURES, layout.REPRESENTATIVES, layout.INSPECTION)


@dataclass(frozen=True)
class Experiment:
    """row: of the table; thumbnail: a URI, or empty; folder: with what was made of it, from the index on."""

    row: Mapping[str, Any]
    thumbnail: str
    folder: str

    def link(self, pattern: str) -> str:
        return f"{self.folder}/{layout.below(layout.OF_SWEEP, pattern)}"

    @property
    def files(self) -> dict[str, str]:
        """Links by what they are called."""
        made = MADE if verdict.is_evaluated(self.row) else MADE_WITHOUT_IMAGES
        return {PurePath(pattern).name: self.link(pattern) for pattern in made}


def render(experiments: Sequence[Experiment]) -> str:
    """The page; the same experiments make the same text."""
    rows = [experiment.row for experiment in experiments]
    shown = table.first(rows[0])
    names = [name for name in [*shown, *(name for name in rows[0] if name not in shown)] if name not in EXPERIMENT]
    charts, scored_by = comparison.charts(rows), verdict.similarities(rows)
    scripts = [*([charting_library()] if charts else []), read("page.js")]
    return template("experiments.html").render(
        experiments=[
            {
                "row": it.row,
                "name": ", ".join(it.row[name] for name in EXPERIMENT),
                "thumbnail": it.thumbnail,
                "page": it.link(layout.PAGE),
                "files": it.files,
                **verdict.parts(it.row),
            }
            for it in experiments
        ],
        columns=[column(name, rows, name not in shown, scored_by) for name in names],
        charts=charts,
        saved_as="experiments",
        style=Markup(read("page.css")),
        scripts=[Markup(script) for script in scripts],
        policy=policy(scripts),
    )


def column(name: str, rows: Sequence[Mapping[str, Any]], further: bool, scored_by: str) -> dict[str, str]:
    """What the table's head says of a column; a setting goes by its last key, and by all of them on pointing."""
    numbers = any(isinstance(row[name], int | float) for row in rows)
    return {
        "name": name,
        "label": name.rpartition(".")[2],
        "meaning": name if table.is_setting(name) else QUANTITIES[name].meaning.replace("NCC", scored_by),
        "classes": " ".join(["number"] * numbers + ["further"] * further),
    }
