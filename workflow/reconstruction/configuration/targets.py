"""Whether a result that somebody asks for has names that the configuration has."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from pathlib import PurePath

from ..errors import UserError
from ..files.layout import CONTROL, MODEL, NO_IMAGES, RESULTS, SCRAMBLED, SUBSET, TRAINING
from .experiments import Configuration
from .models import AdoptedModel
from .section import FILES

MADE = (*FILES, ".png", ".pdf")
CONTROLS = re.compile(rf"{CONTROL}[1-9][0-9]?$")
SEARCHED = re.compile(r"/(candidates|shards/[^/]+)\.h5$")
DEPTHS = {PurePath(file).name: file.count("{") for file in (SUBSET, MODEL, TRAINING)}  # names before it; else three


def check(configuration: Configuration, target: str) -> None:
    """Raises UserError where a path below results/ has a name that the configuration lacks."""
    top, *names = PurePath(target).parts or ("",)
    if top != RESULTS or len(names) < 2 or not target.endswith(MADE):
        return
    dataset, model, sweep = (*names[: DEPTHS.get(names[-1], 3)], "", "", "")[:3]
    model = model.removesuffix(SCRAMBLED)
    if dataset == NO_IMAGES and model:
        _check(target, "model of weights from elsewhere", model, configuration.models_of(AdoptedModel))
    else:
        _check(target, "dataset", CONTROLS.sub("", dataset), configuration.datasets)
        if CONTROL in "/".join(names[:2]) and sweep and not SEARCHED.search(target):
            raise UserError(f"{target}: a control is searched, not evaluated by itself", "ask for its candidates.h5")
        _check(target, "model", model, configuration.models)
    _check(target, "sweep", sweep, configuration.sweeps)


def _check(target: str, kind: str, name: str, known: Iterable[str]) -> None:
    if name and name not in known:
        close = difflib.get_close_matches(name, known, n=1)
        guess = f", did you mean {close[0]}?" if close else ""
        raise UserError(f"{target}: no {kind} is called {name!r}{guess}", f"there are {', '.join(known) or 'none'}")
