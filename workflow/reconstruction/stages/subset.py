"""Stage `subset`: a balanced, reproducible subset of a data set.

Training images, a held-out set of the same class balance that no network sees, a test set, public images if the source
has any, labels in {-1, +1}, the source's classes or its targets, the training mean, and where every image came from.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np

from ..configuration import Dataset
from ..data.classes import by_number
from ..data.drawing import Drawn, draw, label_all, named_copies, without_copies
from ..data.images import Pool
from ..data.sources import load
from ..data.vectors import spread
from ..evaluation.capacity import to_match
from ..files import store
from ..machine.devices import free_memory
from ..training.capacity import to_train

WIDTH = 500  # of a first layer that images are said to be too large for


def run(settings: Dataset, output: Path) -> None:
    pools = load(settings.source)
    _say(remark for pool in pools if pool is not None for remark in pool.remarks)
    training, held_out = draw(pools.training, settings, pools.held_out)
    held_out, copied = without_copies(held_out, "held-out", {"training": training}, " (held_out_per_label draws more)")
    public, public_copied = _public(pools.public, {"training": training, "held-out": held_out})
    too_large = _too_large(training, public)
    _say((*named_copies(training), *copied, *public_copied, *too_large))
    test = held_out if pools.test is None else label_all(pools.test, by_number(settings.labels, pools.test))
    labelled = {"training": training, "held_out": held_out, "test": test}
    parts = labelled | public
    arrays = {"mean": training.images.mean(0, dtype=np.float64).astype(np.float32)}
    if training.images.ndim == 2:
        arrays["std"] = spread(training.images)
    for name, part in parts.items():
        arrays[f"{name}/images"] = part.images
        arrays |= {f"{name}/{what}": values[part.indices] for what, values in part.pool.beside.items()}
        arrays[f"{name}/source_index"] = part.indices
    labels = training.labels
    kind = np.float32 if labels.dtype.kind == "f" else np.min_scalar_type(-labels.max())
    for name, part in labelled.items():
        arrays[f"{name}/labels"] = part.labels.astype(kind)
        arrays[f"{name}/classes"] = part.pool.classes[part.indices]
    facts = {f"{name}_source": part.pool.origin for name, part in parts.items()}
    store.write(output, "subset", arrays, settings_json=settings.to_json(), facts=facts)
    counts = [f"{len(part.indices)} {name.replace('_', '-')}" for name, part in parts.items()]
    print(f"subset: {', '.join(counts)} {training.pool.what}")


def _public(pool: Pool | None, sought: Mapping[str, Drawn]) -> tuple[dict[str, Drawn], list[str]]:
    """All images of the public pool, if there is one, but copies of those that are matched, and what is said of
    these."""
    if pool is None:
        return {}, []
    public, copied = without_copies(Drawn(pool, np.arange(len(pool.images)), pool.classes), "public", sought)
    return {"public": public}, copied


def _say(remarks: Iterable[str]) -> None:
    for remark in remarks:
        print(f"subset: warning: {remark}")


def _too_large(training: Drawn, public: Mapping[str, Drawn]) -> Iterator[str]:
    """Sentences where this machine could not go on with images of the training ones' shape, and a public pool."""
    shape, trained, what = training.pool.images.shape[1:], len(training.indices), training.pool.what
    size, images, available = math.prod(shape), 2 * trained, free_memory()
    others = sum(len(part.indices) for part in public.values())
    beside = f" beside {others} public ones" if others else ""
    tasks = {
        f"training a first layer of {WIDTH} units takes": ("", to_train(size, [WIDTH], trained, images)),
        "evaluating what comes back takes": (beside, to_match(shape, images, images, others)),
    }
    for task, (whose, needed) in tasks.items():
        if needed > available:
            yield (
                f"{task} {needed / 2**30:.1f} GiB for {what} of shape {shape}{whose}, and {available / 2**30:.1f} GiB "
                f"are free; {'give smaller or fewer ones' if whose or len(shape) == 1 else 'scale the images down'}"
            )
