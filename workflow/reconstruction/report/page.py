"""Stage `page`: an experiment as one HTML file that opens from disk, with its pictures, charts, controls and settings.

Nothing in it comes from a network, and a policy in it forbids the browser to ask one.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import importlib.metadata
import json
import math
import platform
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import altair
import jinja2
import numpy as np
import vl_convert
from markupsafe import Markup

from ..files import store
from ..models import deployed
from ..stages.table import EXPERIMENT, WARNING, headline
from . import charts, glossary, pictures

TEMPLATES = resources.files(__package__) / "templates"
PACKAGES = ("torch", "numpy", "scipy", "scikit-learn", "kornia", "h5py", "snakemake")


def of_evaluation(
    subset_path: Path, model_path: Path, training_path: Path, candidates_path: Path, evaluation_path: Path, output: Path
) -> None:
    """The page of an experiment whose training images are known."""
    subset = store.read(subset_path, "subset")
    model = deployed.read(model_path)
    training = store.read(training_path, "training")
    candidates = store.read(candidates_path, "candidates")
    evaluation = store.read(evaluation_path, "evaluation")
    sources = {"subset": subset, "training": training, "candidates": candidates}
    for name, source in sources.items():
        store.require_source(evaluation, name, source)
    store.require_source(candidates, "model", model.stored)

    row = json.loads(str(evaluation["row"]))
    limit, count = row["ncc_threshold"], evaluation.settings["pairs"]
    of_training = pictures.matches("training", subset, model, candidates, evaluation, training["margins"])
    of_held_out = pictures.matches("held_out", subset, model, candidates, evaluation)
    content = {
        "row": row,
        "best": {"training": of_training[:count], "held_out": of_held_out[:count]},
        "images": of_training + of_held_out,
        "calibrated": not np.isnan(evaluation["training/expected_ncc"]).any(),
        "ranking": pictures.ranking(candidates, model, count, pictures.truths(subset, evaluation, count, limit)),
        "precision": charts.precision(evaluation, limit),
        "controls": json.loads(str(evaluation["controls"])),
        "quantities": quantities(row, json.loads(str(evaluation["intervals"]))),
        "charts": [
            charts.scores(evaluation, limit),
            charts.margins(evaluation, training, limit),
            charts.unexplained(candidates, training["squared_norms"], training["true_residuals"]),
            *charts.growth(evaluation),
            *charts.training(training),
        ],
        "hyperparameters": charts.hyperparameters(candidates, evaluation["restarts/hits"], "images found by a restart"),
        "timings": evaluation.facts["timings"],
        "files": [subset, model.stored, training, candidates, evaluation],
    }
    render(content, output)


def of_inspection(model_path: Path, candidates_path: Path, inspection_path: Path, output: Path) -> None:
    """The page of an experiment without images to compare with."""
    model = deployed.read(model_path)
    candidates = store.read(candidates_path, "candidates")
    inspection = store.read(inspection_path, "inspection")
    store.require_source(inspection, "model", model.stored)
    store.require_source(inspection, "candidates", candidates)

    row = {name: value for name, value in json.loads(str(inspection["row"])).items() if value is not None}
    squared_norms = model.network.squared_norms.numpy()
    kept = ~candidates["restarts/diverged"]
    left = candidates["restarts/trace/residuals"][kept, -1, 0] / squared_norms[0]
    content = {
        "row": {"n": None, **row},
        "ranking": pictures.ranking(candidates, model, inspection.settings["count"]),
        "quantities": quantities(row, {}),
        "charts": [charts.unexplained(candidates, squared_norms)],
        "hyperparameters": charts.hyperparameters(candidates, left, "unexplained share of the first layer"),
        "timings": inspection.facts["timings"],
        "files": [model.stored, candidates, inspection],
    }
    render(content, output)


def quantities(row: Mapping[str, Any], ends: Mapping[str, Mapping[str, float]]) -> list[dict[str, Any]]:
    """Every column of the table's row: its value, its meaning, and its intervals by what is drawn anew."""
    return [
        {
            "name": name,
            "value": value,
            "meaning": glossary.QUANTITIES.get(name, ""),
            "intervals": {
                drawn: f"{number(ends[name][f'{drawn}_low'])} to {number(ends[name][f'{drawn}_high'])}"
                for drawn in ("images", "restarts")
                if not math.isnan(ends.get(name, {}).get(f"{drawn}_low", math.nan))
            },
        }
        for name, value in row.items()
        if name not in EXPERIMENT
    ]


def number(value: Any) -> str:
    """Four digits of what is no count; a dash where there is nothing."""
    if value is None or value != value:
        return "–"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def render(content: Mapping[str, Any], output: Path) -> None:
    """Write the page; the same content makes the same bytes."""
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(read), autoescape=True, undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters |= {"number": number, "words": glossary.name, "control": glossary.control}
    scripts = [charting_library(), read("page.js")]
    text = environment.get_template("page.html").render(
        content,
        evaluated="images" in content,
        headline=headline(content["row"]).partition(": ")[2].removesuffix(WARNING),
        warning=WARNING,
        style=Markup(read("page.css")),
        scripts=[Markup(script) for script in scripts],
        policy=policy(scripts),
        versions=versions(),
    )
    store.write_whole(output, text.encode())
    print(f"page: {output}, {len(text.encode()) / 1e6:.1f} MB")


def read(name: str) -> str:
    return (TEMPLATES / name).read_text()


@functools.cache
def charting_library() -> str:
    """Vega, Vega-Lite and Vega-Embed in one script, of the version that the charts are written for."""
    version = altair.SCHEMA_VERSION.removeprefix("v").rpartition(".")[0]
    return str(vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", version)).replace("</script", "<\\/script")


def policy(scripts: Sequence[str]) -> str:
    """A Content-Security-Policy: no request to anywhere, no script but these."""
    digests = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
        "form-action 'none'"
    )


def versions() -> dict[str, str]:
    """Of Python and the packages that compute, as they are where the page is made."""
    return {"Python": platform.python_version(), **{name: importlib.metadata.version(name) for name in PACKAGES}}
