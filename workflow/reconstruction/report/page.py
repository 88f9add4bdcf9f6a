"""An experiment as one HTML file that opens from disk, with its pictures, charts, controls and settings.

Nothing in it comes from a network, and a policy in it forbids the browser to ask one.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import importlib.metadata
import math
import platform
from collections.abc import Mapping, Sequence
from typing import Any

import vl_convert
from markupsafe import Markup

from ..evaluation.membership import SCORES
from ..evaluation.quantities import QUANTITIES
from . import glossary, verdict
from .originals import GAP
from .pictures import LARGE
from .row import EXPERIMENT
from .templating import number, read, template
from .vega import VEGA_LITE

PACKAGES = ("torch", "numpy", "scipy", "scikit-learn", "kornia", "h5py", "snakemake")


def quantities(row: Mapping[str, Any], ends: Mapping[str, Mapping[str, float]]) -> list[dict[str, Any]]:
    """Every column of the table's row: its value, its meaning, and its intervals by what is drawn anew."""
    return [
        {
            "name": name,
            "value": value,
            "meaning": QUANTITIES[name].meaning,
            "intervals": {
                drawn: f"{number(ends[name][f'{drawn}_low'])} to {number(ends[name][f'{drawn}_high'])}"
                for drawn in ("images", "restarts")
                if not math.isnan(ends.get(name, {}).get(f"{drawn}_low", math.nan))
            },
        }
        for name, value in row.items()
        if name not in EXPERIMENT
    ]


def membership(row: Mapping[str, Any], ends: Mapping[str, Mapping[str, float]]) -> list[dict[str, Any]]:
    """A score in each line, with its AUC and true-positive rates."""
    figures = {quantity["name"]: quantity for quantity in quantities(row, ends)}

    def cell(name: str) -> dict[str, Any]:
        return {"value": figures[name]["value"], "interval": figures[name]["intervals"].get("images")}

    return [
        {
            "name": glossary.name(score),
            "meaning": glossary.MEMBERSHIP[score],
            "figures": [cell(f"{score}_{figure}") for figure in ("auc", "tpr", "tpr_strict")],
        }
        for score in SCORES
    ]


def render(content: Mapping[str, Any]) -> str:
    """The page; the same content makes the same text."""
    scripts = [charting_library(), read("page.js")]
    return template("page.html").render(
        content,
        saved_as="-".join(content["row"][name] for name in EXPERIMENT),
        evaluated="images" in content,
        public=any(found.public for found in content["ranking"]),
        have_names=any(match.name for match in content.get("images", ())),
        gap=GAP,
        large=LARGE,
        **verdict.parts(content["row"]),
        style=Markup(read("page.css")),
        scripts=[Markup(script) for script in scripts],
        policy=policy(scripts),
        versions=versions(),
    )


@functools.cache
def charting_library() -> str:
    """Vega, Vega-Lite and Vega-Embed in one script, of the version that the charts are written for."""
    script = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", VEGA_LITE.rpartition(".")[0])
    return str(script).replace("</script", "<\\/script")


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
