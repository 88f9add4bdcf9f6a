"""Classes by name or by number: which of a pool's classes the labels stand for."""

from __future__ import annotations

import difflib

import yaml

from ..configuration import AllLabels, ClassLabels, Labels
from ..errors import UserError, shown
from .images import Pool

DIGITS = 20  # of a name that may be taken for a number


def by_number(rule: Labels, pool: Pool) -> Labels:
    """The same rule, with every class that it lists given by its number.

    Raises UserError for a class that the pool does not know, that has no image, or that is listed twice.
    """
    if isinstance(rule, AllLabels) and rule.classes:
        numbers = [_number(given, pool) for given in rule.classes]
        for number in numbers:
            if numbers.count(number) > 1:
                raise UserError(
                    f"{pool.origin}: class {described(number, pool)} is listed twice, once by name and once by number",
                    "list it once",
                )
        return AllLabels(rule=rule.rule, classes=list(numbers))
    if not isinstance(rule, ClassLabels):
        return rule
    negative = [_number(given, pool) for given in rule.negative]
    positive = [_number(given, pool) for given in rule.positive]
    for number in negative:
        if number in positive:
            raise UserError(
                f"{pool.origin}: class {described(number, pool)} is on both sides, once by name and once by number",
                "leave it in negative or in positive",
            )
    return ClassLabels(rule=rule.rule, negative=list(negative), positive=list(positive))


def _number(given: int | str, pool: Pool) -> int:
    if isinstance(given, str):
        number = _named(given, pool)
    else:
        number = given
        alike = [name for place, name in enumerate(pool.class_names) if place != given and _reads_as(name, given)]
        if alike:
            raise UserError(
                f"{pool.origin}: class {given} may be the one named {alike[0]!r} or number {described(given, pool)}",
                "write its name in quotes",
            )
    if not (pool.classes == number).any():
        raise UserError(
            f"{pool.origin}: class {described(number, pool)} has no {pool.what.removesuffix('s')}",
            f"leave it out, or add some; there are {pool.what} of {_known(pool)}",
        )
    return number


def _named(name: str, pool: Pool) -> int:
    if name in pool.class_names:
        return pool.class_names.index(name)
    if not pool.class_names:
        raise UserError(
            f"{pool.origin}: its classes have no names, so {name!r} is none", f"give numbers ({_known(pool)})"
        )
    close = difflib.get_close_matches(name, pool.class_names, n=1)
    guess = f", did you mean {close[0]!r}" if close else ""
    raise UserError(
        f"{pool.origin}: no class is named {name!r}{guess}",
        f"the classes are {', '.join(map(shown, pool.class_names))}",
    )


def _reads_as(name: str, number: int) -> bool:
    """Whether a name without quotes would be a number to YAML, for which 010 is 8, or to a person."""
    if name[:1] not in set("+-0123456789") or len(name) > DIGITS:
        return False
    try:
        read = yaml.safe_load(name)
        return (type(read) is int and read == number) or int(name) == number
    except (ValueError, yaml.YAMLError):
        return False


def described(number: int, pool: Pool) -> str:
    return f"{number} ({shown(pool.class_names[number])})" if 0 <= number < len(pool.class_names) else str(number)


def _known(pool: Pool) -> str:
    return ", ".join(described(number, pool) for number in sorted(set(pool.classes.tolist())))
