"""In which order matrices are the layers of an MLP, by the numbers in their names and by their shapes."""

from __future__ import annotations

import re
from collections.abc import Mapping

from torch import Tensor

TRIES = 1000  # partial orders looked at
LAYERS = 100  # more are no MLP
WORDS = (
    ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
    ("zeroth", "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth"),
)
NUMBER_OF = {word: number for words in WORDS for number, word in enumerate(words)}
WORD = re.compile(
    rf"(?<![a-zA-Z])(?:{'|'.join(sorted(NUMBER_OF, key=len, reverse=True))})(?![a-z])"
    rf"|(?:{'|'.join(sorted(map(str.capitalize, NUMBER_OF), key=len, reverse=True))})(?![a-z])"
)

Key = list[str | tuple[int, str]]


def natural(name: str) -> Key:
    """A key that sorts 2.weight before 10.weight, and layer_two before layer_three."""
    digits = WORD.sub(lambda found: str(NUMBER_OF[found[0].lower()]), name)
    parts = re.split(r"(\d+)", digits)
    return [(len(part.lstrip("0")), part.lstrip("0")) if place % 2 else part for place, part in enumerate(parts)]


def orders(layers: Mapping[str, Tensor], size: int) -> list[list[str]]:
    """Up to two orders in which all matrices (outputs, inputs) lead from `size` inputs on, each taking what the last
    one gives; where a number tells two names apart, the lower one comes first."""
    if not 2 <= len(layers) <= LAYERS:
        return []
    keys = {name: natural(name) for name in layers}
    earlier = {name: {other for other in layers if _is_before(keys[other], keys[name])} for name in layers}
    found: list[list[str]] = []
    begun: list[tuple[list[str], int]] = [([], size)]
    for _ in range(TRIES):
        if not begun or len(found) == 2:
            return found
        placed, width = begun.pop()
        if len(placed) == len(layers):
            found.append(placed)
            continue
        for name, layer in layers.items():
            if name not in placed and layer.shape[1] == width and earlier[name] <= set(placed):
                begun.append(([*placed, name], len(layer)))
    return []


def _is_before(first: Key, second: Key) -> bool:
    """Whether the first difference of two names is one of numbers, and the first name's is lower."""
    for one, other in zip(first, second, strict=False):
        if one != other:
            return isinstance(one, tuple) and isinstance(other, tuple) and one < other
    return False
