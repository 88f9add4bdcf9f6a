"""Stage `subset`: a balanced, reproducible subset of a data set.

Training images, a held-out set of the same size and class balance that no network sees, a test set,
labels in {-1, +1}, the training mean, and where every image came from.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from . import store
from .classes import by_number
from .configuration import ClassLabels, Dataset, Labels, RandomLabels
from .errors import UserError
from .pool import Pool
from .sources import load


@dataclass(frozen=True)
class Part:
    """Images of a pool: indices (n,) into it and labels (n,) in {-1, +1}."""

    indices: np.ndarray
    labels: np.ndarray


def run(settings: Dataset, output: Path) -> None:
    pool, test_pool = load(settings.source)
    training, held_out = draw(pool, settings)
    if test_pool is None:
        test_pool, test = pool, held_out
    else:
        test = label_all(test_pool.classes, by_number(settings.labels, test_pool))
    arrays = {"mean": pool.images[training.indices].mean(0, dtype=np.float64).astype(np.float32)}
    for name, source, part in (("training", pool, training), ("held_out", pool, held_out), ("test", test_pool, test)):
        arrays[f"{name}/images"] = source.images[part.indices]
        arrays[f"{name}/labels"] = part.labels.astype(np.int8)
        arrays[f"{name}/classes"] = source.classes[part.indices]
        arrays[f"{name}/source_index"] = part.indices
    facts = {"source": pool.origin, "test_source": test_pool.origin}
    store.write(output, "subset", arrays, settings_json=settings.to_json(), facts=facts)
    print(
        f"subset: {len(training.indices)} training, {len(held_out.indices)} held-out, {len(test.indices)} test images"
    )


def draw(pool: Pool, settings: Dataset) -> tuple[Part, Part]:
    """Training and held-out parts, each with per_label images of each label, in drawing order after those to skip.

    Raises UserError where the pool has too few images for both, or lacks a class that the labels name.
    """
    order = np.arange(len(pool.classes))
    if settings.draw == "seeded":
        order = np.random.default_rng(settings.seed).permutation(order)
    half, skip = settings.per_label, settings.skip
    rule = by_number(settings.labels, pool)
    if isinstance(rule, ClassLabels):
        return _draw_by_class(pool, order, rule, settings)
    order = order[2 * skip :]
    if len(order) < 4 * half:
        raise UserError(
            f"{pool.origin}: has {len(order)} images{_after(2 * skip)}, and {2 * half} to train on plus {2 * half} "
            f"held out need {4 * half}; set per_label to at most {len(order) // 4}"
        )
    labels = label_all(pool.classes[order[: 4 * half]], rule).labels
    return Part(order[: 2 * half], labels[: 2 * half]), Part(order[2 * half : 4 * half], labels[2 * half :])


def _after(skipped: int) -> str:
    return f" after the {skipped} to skip" if skipped else ""


def _draw_by_class(pool: Pool, order: np.ndarray, rule: ClassLabels, settings: Dataset) -> tuple[Part, Part]:
    """The first `per_label` images of each label in the given order after those to skip, and the next as many."""
    half, skip = settings.per_label, settings.skip
    labelled = label_all(pool.classes[order], rule)
    place = np.zeros(len(labelled.labels), int)
    for side, label in (("negative", -1), ("positive", 1)):
        members = labelled.labels == label
        found = max(0, int(members.sum()) - skip)
        if found < 2 * half:
            raise UserError(
                f"{pool.origin}: the {side} classes have {found} images{_after(skip)}, and {half} to train on plus "
                f"{half} held out need {2 * half}; set per_label to at most {found // 2}"
            )
        place[members] = np.arange(members.sum()) - skip

    def part(chosen: np.ndarray) -> Part:
        return Part(order[labelled.indices[chosen]], labelled.labels[chosen])

    return part((place >= 0) & (place < half)), part((place >= half) & (place < 2 * half))


def label_all(classes: np.ndarray, rule: Labels) -> Part:
    """Label images of the given classes (n,) by rule, a rule by number; those of classes on no side are left out."""
    indices = np.arange(len(classes))
    if isinstance(rule, ClassLabels):
        negative, positive = np.isin(classes, rule.negative), np.isin(classes, rule.positive)
        indices = indices[negative | positive]
        return Part(indices, np.where(positive[indices], 1, -1))
    labels = np.where(indices % 2, 1, -1)
    if isinstance(rule, RandomLabels):
        # Each half is balanced by itself: the first is trained on, the second held out.
        generator = np.random.default_rng(rule.seed)
        labels = np.concatenate([generator.permutation(half) for half in np.array_split(labels, 2)])
    return Part(indices, labels)
