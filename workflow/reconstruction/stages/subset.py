"""Stage `subset`: a balanced, reproducible subset of a data set.

Training images, a held-out set of the same class balance that no network sees, a test set,
labels in {-1, +1} or the source's classes, the training mean, and where every image came from.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from ..configuration import Dataset
from ..data.classes import by_number
from ..data.drawing import draw, label_all, without_copies
from ..data.sources import load
from ..evaluation.capacity import to_match
from ..files import store
from ..machine.devices import free_memory
from ..training.capacity import to_train

WIDTH = 500  # of a first layer that images are said to be too large for


def run(settings: Dataset, output: Path) -> None:
    pool, test_pool = load(settings.source)
    _say(pool.remarks + (test_pool.remarks if test_pool else ()))
    training, held_out = draw(pool, settings)
    held_out, copied = without_copies(held_out, training, pool)
    _say((*copied, *_too_large(pool.images.shape[1:], len(training.indices))))
    if test_pool is None:
        test_pool, test = pool, held_out
    else:
        test = label_all(test_pool.classes, by_number(settings.labels, test_pool), [len(test_pool.classes)])
    arrays = {"mean": pool.images[training.indices].mean(0, dtype=np.float64).astype(np.float32)}
    for name, source, part in (("training", pool, training), ("held_out", pool, held_out), ("test", test_pool, test)):
        arrays[f"{name}/images"] = source.images[part.indices]
        arrays[f"{name}/labels"] = part.labels.astype(np.min_scalar_type(-training.labels.max()))
        arrays[f"{name}/classes"] = source.classes[part.indices]
        arrays[f"{name}/source_index"] = part.indices
        if source.files:
            arrays[f"{name}/file"] = np.array(source.files)[part.indices]
    facts = {"source": pool.origin, "test_source": test_pool.origin}
    store.write(output, "subset", arrays, settings_json=settings.to_json(), facts=facts)
    print(
        f"subset: {len(training.indices)} training, {len(held_out.indices)} held-out, {len(test.indices)} test images"
    )


def _say(remarks: Iterable[str]) -> None:
    for remark in remarks:
        print(f"subset: warning: {remark}")


def _too_large(shape: tuple[int, ...], trained: int) -> Iterator[str]:
    """Sentences where this machine could not go on with images (C, H, W) of that shape."""
    size, images, available = math.prod(shape), 2 * trained, free_memory()
    tasks = {
        f"training a first layer of {WIDTH} units": to_train(size, [WIDTH], trained, images),
        "evaluating what comes back": to_match(size, images, images),
    }
    for task, needed in tasks.items():
        if needed > available:
            yield (
                f"{task} takes {needed / 2**30:.1f} GiB for images of shape {shape}, and {available / 2**30:.1f} GiB "
                "are free; scale the images down"
            )
