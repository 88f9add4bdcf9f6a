"""Which images of a source are trained on and which held out, and the labels that they get."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..configuration import (
    AllLabels,
    Amount,
    ClassLabels,
    Dataset,
    Labels,
    Numbers,
    RandomLabels,
    TargetLabels,
    of_each,
)
from ..errors import UserError
from .classes import by_number, described
from .copies import copies
from .images import Pool

MOST_CLASSES = 10_000
TRAINED, HELD_OUT = "to train on", "held out"


@dataclass(frozen=True)
class Drawn:
    """Images of a pool: indices (n,) into it and labels (n,): -1 and +1, by the rule all the pool's classes or their
    places among those that it lists, by the rule targets the pool's."""

    pool: Pool
    indices: np.ndarray
    labels: np.ndarray

    @property
    def images(self) -> np.ndarray:
        return self.pool.images[self.indices]


def draw(pool: Pool, settings: Dataset, held_out: Pool | None = None) -> tuple[Drawn, Drawn]:
    """Training and held-out parts, in drawing order after the images to skip; held_out: the pool that these come from
    where it is another, in which none is skipped.

    Raises UserError where a pool has too few images, or lacks a class that the labels name.
    """
    amounts: dict[str, Amount] = {TRAINED: settings.per_label, HELD_OUT: settings.held_out}
    if held_out is None:
        training, others = _parts(pool, settings, amounts, settings.skip)
    else:
        (training,) = _parts(pool, settings, {TRAINED: settings.per_label}, settings.skip)
        (others,) = _parts(held_out, settings, {HELD_OUT: settings.held_out}, 0, training.labels)
    return training, others


def _parts(
    pool: Pool, settings: Dataset, amounts: Mapping[str, Amount], skip: Numbers, known: np.ndarray | None = None
) -> list[Drawn]:
    """Parts of the given amounts, one after the other; known: the labels that each has, if not all of the pool's."""
    order = np.arange(len(pool.classes))
    if settings.draw == "seeded":
        order = np.random.default_rng(settings.seed).permutation(order)
    rule = by_number(settings.labels, pool)
    if not isinstance(rule, ClassLabels | AllLabels):
        labels = 1 if isinstance(rule, TargetLabels) else 2
        totals = {what: None if amount == "all" else sum(of_each(amount, labels)) for what, amount in amounts.items()}
        parts = _cut(pool, order, totals, sum(of_each(skip, labels)), "has", labels, settings)
        if isinstance(rule, TargetLabels):
            return [label_all(pool, rule, part) for part in parts]
        counts = [
            _halves(len(part)) if amount == "all" else of_each(amount, 2)
            for part, amount in zip(parts, amounts.values(), strict=True)
        ]
        return [Drawn(pool, part, labels) for part, labels in zip(parts, _made_up(rule, counts), strict=True)]
    if isinstance(rule, AllLabels) and rule.classes is None:
        _check_classes(pool)
    whole = label_all(pool, rule, order)
    found = np.unique(whole.labels if known is None else known)
    _check_amounts(pool, settings, len(found))
    by_label = []
    for place, label in enumerate(found):
        wanted = {
            what: None if amount == "all" else of_each(amount, len(found))[place] for what, amount in amounts.items()
        }
        members = np.flatnonzero(whole.labels == label)
        by_label.append(
            _cut(pool, members, wanted, of_each(skip, len(found))[place], _whose(rule, label, pool), 1, settings)
        )
    places = [np.sort(np.concatenate(part)) for part in zip(*by_label, strict=True)]
    return [Drawn(pool, whole.indices[some], whole.labels[some]) for some in places]


def _whose(rule: Labels, label: int, pool: Pool) -> str:
    """How a sentence on a label's images begins."""
    if isinstance(rule, AllLabels):
        return f"class {described(int(rule.classes[label]) if rule.classes else label, pool)} has"
    return f"the {'negative' if label < 0 else 'positive'} classes have"


def _cut(
    pool: Pool,
    members: np.ndarray,
    wanted: Mapping[str, int | None],
    skip: int,
    whose: str,
    labels: int,
    settings: Dataset,
) -> list[np.ndarray]:
    """Parts of a pool's members (n,) of so many labels after those to skip, as many as are wanted, None: all that are
    left.

    Raises UserError where there are too few.
    """
    members = members[skip:]
    known = {what: count or 0 for what, count in wanted.items()}
    rest = len(members) - sum(known.values())
    if rest < 0 or (rest == 0 and None in wanted.values()):
        raise _too_few(pool, whose, len(members), skip, wanted, labels, settings)
    sizes = [rest if count is None else count for count in wanted.values()]
    return np.split(members, np.cumsum(sizes))[: len(sizes)]


def _too_few(
    pool: Pool, whose: str, found: int, skip: int, wanted: Mapping[str, int | None], labels: int, settings: Dataset
) -> UserError:
    after = f" after the {skip} to skip" if skip else ""
    amounts = [f"{1 if count is None else count} {what}" for what, count in wanted.items()]
    total = sum(1 if count is None else count for count in wanted.values())
    fewest = found // labels
    if any(isinstance(amount, list | str) for amount in (settings.per_label, settings.held_out)):
        advice = "lower the amounts of that label" if labels == 1 else "lower the amounts"
    elif len(wanted) == 1:
        advice = f"set {'per_label' if TRAINED in wanted else 'held_out_per_label'} to at most {fewest}"
    elif settings.held_out_per_label:
        advice = f"lower per_label and held_out_per_label to {fewest} together"
    else:
        advice = f"set per_label to at most {fewest // 2}"
    return UserError(
        f"{pool.origin}: {whose} {found} {pool.what}{after}, and {' plus '.join(amounts)} need {total}", advice
    )


def _check_classes(pool: Pool) -> None:
    """Raises UserError where a network cannot have an output for each class."""
    found = np.unique(pool.classes)
    if len(found) < 3:
        raise UserError(
            f"{pool.origin}: has {pool.what} of {len(found)} classes, and labels by the rule all are for three or more",
            "take the rule classes",
        )
    if found[0] < 0 or found[-1] >= MOST_CLASSES:
        raise UserError(
            f"{pool.origin}: classes are numbered from {found[0]} to {found[-1]}",
            f"number them from 0, to {MOST_CLASSES - 1} at most",
        )


def _check_amounts(pool: Pool, settings: Dataset, labels: int) -> None:
    """Raises UserError where amounts are given for another number of labels."""
    for name in ("per_label", "held_out_per_label", "skip"):
        value = getattr(settings, name)
        if isinstance(value, list) and len(value) != labels:
            raise UserError(
                f"{pool.origin}: has {labels} classes, and {name} {len(value)} numbers", "give one for each"
            )


def named_copies(training: Drawn) -> list[str]:
    """What is said of training images that are copies of one another; they stay, as a model has seen them."""
    twice = copies(training.images, training.images, themselves=True)
    if not (twice >= 0).any():
        return []
    first, count, what = int(np.argmax(twice >= 0)), int((twice >= 0).sum()), training.pool.what
    pair = f"{training.indices[first]} is one of {what.removesuffix('s')} {training.indices[twice[first]]}"
    origin = training.pool.origin
    return [f"{origin}: {count} training {what} are copies of others of them, {what.removesuffix('s')} {pair}"]


def without_copies(others: Drawn, kind: str, parts: Mapping[str, Drawn], more: str = "") -> tuple[Drawn, list[str]]:
    """The images of a kind, held-out or public, that are no copies of those of any of the parts by their kinds, and
    what is said of those left out; more: how to get others.

    No others take the place of held-out ones: the images after them are those that control networks are trained on.
    Raises UserError where none is left.
    """
    found = {of: copies(others.images, part.images) for of, part in parts.items()}
    is_copy = np.any([numbers >= 0 for numbers in found.values()], axis=0)
    if not is_copy.any():
        return others, []
    what, one = others.pool.what, others.pool.what.removesuffix("s")
    first, left = int(np.argmax(is_copy)), int((~is_copy).sum())
    part, number = next((parts[of], numbers[first]) for of, numbers in found.items() if numbers[first] >= 0)
    where = "" if part.pool.origin == others.pool.origin else f" of {part.pool.origin}"
    kinds = " or ".join(of for of, numbers in found.items() if (numbers >= 0).any())
    problem = (
        f"{others.pool.origin}: {is_copy.sum()} of {len(is_copy)} {kind} {what} are copies of {kinds} {what}, "
        f"{one} {others.indices[first]} is one of {one} {part.indices[number]}{where}"
    )
    if not left:
        raise UserError(problem, f"remove the copies, or add {what}")
    apart = replace(others, indices=others.indices[~is_copy], labels=others.labels[~is_copy])
    return apart, [f"{problem}; left them out, {left} remain{more}"]


def _targets(pool: Pool) -> np.ndarray:
    """Raises UserError where a pool has none."""
    if pool.targets is None:
        raise UserError(
            f"{pool.origin}: has no array 'targets'",
            f"store one number for each of the {pool.what}, or take another rule",
        )
    return pool.targets


def label_all(pool: Pool, rule: Labels, order: np.ndarray | None = None) -> Drawn:
    """All images of a pool, in an order, labelled by a rule by number; those of classes on no side are left out."""
    order = np.arange(len(pool.classes)) if order is None else order
    classes = pool.classes[order]
    if isinstance(rule, ClassLabels):
        negative, positive = np.isin(classes, rule.negative), np.isin(classes, rule.positive)
        chosen = negative | positive
        return Drawn(pool, order[chosen], np.where(positive[chosen], 1, -1))
    if isinstance(rule, AllLabels) and rule.classes is not None:
        chosen, ascending = np.isin(classes, rule.classes), np.argsort(rule.classes)
        places = ascending[np.searchsorted(rule.classes, classes[chosen], sorter=ascending)]
        return Drawn(pool, order[chosen], places)
    if isinstance(rule, AllLabels):
        return Drawn(pool, order, classes)
    if isinstance(rule, TargetLabels):
        return Drawn(pool, order, _targets(pool)[order])
    return Drawn(pool, order, *_made_up(rule, [_halves(len(order))]))


def _halves(count: int) -> list[int]:
    return [count - count // 2, count // 2]


def _made_up(rule: Labels, counts: Sequence[Sequence[int]]) -> list[np.ndarray]:
    """Labels of parts, so many -1 and so many +1 in each: in turn, or in random order."""
    parts = []
    for negative, positive in counts:
        turns = min(negative, positive)
        parts.append(np.concatenate([np.tile([-1, 1], turns), [-1] * (negative - turns), [1] * (positive - turns)]))
    if isinstance(rule, RandomLabels):
        generator = np.random.default_rng(rule.seed)
        parts = [generator.permutation(part) for part in parts]
    return [part.astype(np.int64) for part in parts]
