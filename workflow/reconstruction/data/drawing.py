"""Which images of a pool are trained on and which held out, and the labels that they get."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..configuration import AllLabels, ClassLabels, Dataset, Labels, RandomLabels, TargetLabels
from ..errors import UserError
from .classes import by_number
from .copies import copies
from .images import Pool

MOST_CLASSES = 10_000


@dataclass(frozen=True)
class Drawn:
    """Images of a pool: indices (n,) into it and labels (n,): -1 and +1 or, by the rules all and targets, the pool's
    classes and targets."""

    indices: np.ndarray
    labels: np.ndarray


def draw(pool: Pool, settings: Dataset) -> tuple[Drawn, Drawn]:
    """Training and held-out parts, in drawing order after the images to skip.

    Raises UserError where the pool has too few images for both, or lacks a class that the labels name.
    """
    order = np.arange(len(pool.classes))
    if settings.draw == "seeded":
        order = np.random.default_rng(settings.seed).permutation(order)
    rule = by_number(settings.labels, pool)
    if isinstance(rule, AllLabels):
        _check_classes(pool)
    if isinstance(rule, ClassLabels | AllLabels):
        return _draw_by_class(pool, order, rule, settings)
    count = 1 if isinstance(rule, TargetLabels) else 2  # labels, of which targets are one
    order = order[count * settings.skip :]
    trained, held_out = count * settings.per_label, count * settings.held_out
    if len(order) < trained + held_out:
        raise _too_few(f"{pool.origin}: has", len(order), count, settings)
    order = order[: trained + held_out]
    labels = label_all(values(pool, rule)[order], rule, [trained, held_out]).labels
    return Drawn(order[:trained], labels[:trained]), Drawn(order[trained:], labels[trained:])


def _check_classes(pool: Pool) -> None:
    """Raises UserError where a network cannot have an output for each class."""
    found = np.unique(pool.classes)
    if len(found) < 3:
        raise UserError(
            f"{pool.origin}: has images of {len(found)} classes, and labels by the rule all are for three or more",
            "take the rule classes",
        )
    if found[0] < 0 or found[-1] >= MOST_CLASSES:
        raise UserError(
            f"{pool.origin}: classes are numbered from {found[0]} to {found[-1]}",
            f"number them from 0, to {MOST_CLASSES - 1} at most",
        )


def _too_few(source: str, found: int, labels: int, settings: Dataset) -> UserError:
    """Where a source has that many images for so many labels."""
    skipped, trained, held_out = (labels * n for n in (settings.skip, settings.per_label, settings.held_out))
    after = f" after the {skipped} to skip" if skipped else ""
    if settings.held_out_per_label:
        advice = f"lower per_label and held_out_per_label to {found // labels} together"
    else:
        advice = f"set per_label to at most {found // labels // 2}"
    return UserError(
        f"{source} {found} images{after}, and {trained} to train on plus {held_out} held out need {trained + held_out}",
        advice,
    )


def _draw_by_class(pool: Pool, order: np.ndarray, rule: Labels, settings: Dataset) -> tuple[Drawn, Drawn]:
    """The first images of each label in the given order after those to skip, and the next ones."""
    needed = settings.per_label + settings.held_out
    labelled = label_all(pool.classes[order], rule, [len(order)])
    place = np.zeros(len(labelled.labels), int)
    for label in np.unique(labelled.labels):
        members = labelled.labels == label
        found = max(0, int(members.sum()) - settings.skip)
        if found < needed:
            sides = {-1: "the negative classes have", 1: "the positive classes have"}
            source = f"class {label} has" if isinstance(rule, AllLabels) else sides[label]
            raise _too_few(f"{pool.origin}: {source}", found, 1, settings)
        place[members] = np.arange(members.sum()) - settings.skip

    def part(chosen: np.ndarray) -> Drawn:
        return Drawn(order[labelled.indices[chosen]], labelled.labels[chosen])

    return part((place >= 0) & (place < settings.per_label)), part((place >= settings.per_label) & (place < needed))


def without_copies(held_out: Drawn, training: Drawn, pool: Pool) -> tuple[Drawn, list[str]]:
    """The held-out images that are no copies of training images, and what is said of copies.

    No others take their place: the images after them are those that control networks are trained on. Training images
    stay as they are, as it is they that a model has seen. Raises UserError where no held-out image is left.
    """
    trained = pool.images[training.indices]
    of, twice = copies(pool.images[held_out.indices], trained), copies(trained, trained, themselves=True)
    remarks = []
    if (twice >= 0).any():
        first = int(np.argmax(twice >= 0))
        pair = f"image {training.indices[first]} is one of image {training.indices[twice[first]]}"
        count = int((twice >= 0).sum())
        remarks.append(f"{pool.origin}: {count} training images are copies of others of them, {pair}")
    if (of >= 0).any():
        first, left = int(np.argmax(of >= 0)), int((of < 0).sum())
        pair = f"image {held_out.indices[first]} is one of image {training.indices[of[first]]}"
        problem = f"{pool.origin}: {len(of) - left} of {len(of)} held-out images are copies of training images, {pair}"
        if not left:
            raise UserError(problem, "remove the copies, or add images")
        remarks.append(f"{problem}; left them out, {left} remain (held_out_per_label draws more)")
    return Drawn(held_out.indices[of < 0], held_out.labels[of < 0]), remarks


def values(pool: Pool, rule: Labels) -> np.ndarray:
    """What a rule makes labels of: the pool's targets or its classes; raises UserError where it has no targets."""
    if not isinstance(rule, TargetLabels):
        return pool.classes
    if pool.targets is None:
        raise UserError(
            f"{pool.origin}: has no array 'targets'", "store one number for each image, or take another rule"
        )
    return pool.targets


def label_all(classes: np.ndarray, rule: Labels, parts: Sequence[int]) -> Drawn:
    """Label images of the given classes or targets (n,) by rule, a rule by number; classes on no side are left out.

    parts: how many images each part in turn has; random labels are balanced in each by itself.
    """
    indices = np.arange(len(classes))
    if isinstance(rule, ClassLabels):
        negative, positive = np.isin(classes, rule.negative), np.isin(classes, rule.positive)
        indices = indices[negative | positive]
        return Drawn(indices, np.where(positive[indices], 1, -1))
    if isinstance(rule, AllLabels | TargetLabels):
        return Drawn(indices, classes)
    labels = np.where(indices % 2, 1, -1)
    if isinstance(rule, RandomLabels):
        generator = np.random.default_rng(rule.seed)
        ends = np.cumsum(parts)[:-1]
        labels = np.concatenate([generator.permutation(part) for part in np.split(labels, ends)])
    return Drawn(indices, labels)
