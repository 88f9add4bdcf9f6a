"""How many images of each label: one number for all labels, one for each in their order, or all that there are."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag

from .section import NUMBER, Count


def _kind(value: object) -> str:
    return "each" if isinstance(value, list | tuple) else "all" if isinstance(value, str) else "number"


NotNegative = Annotated[int, Field(ge=0), NUMBER]
Amount = Annotated[
    Annotated[Count, Tag("number")]
    | Annotated[list[Count], Field(min_length=2), Tag("each")]
    | Annotated[Literal["all"], Tag("all")],
    Discriminator(_kind),
]
Skipped = Annotated[
    Annotated[NotNegative, Tag("number")] | Annotated[list[NotNegative], Field(min_length=2), Tag("each")],
    Discriminator(lambda value: "each" if _kind(value) == "each" else "number"),
]
Numbers = int | list[int]


def of_each(amount: Numbers, labels: int) -> list[int]:
    """An amount as a number for each of so many labels."""
    return amount if isinstance(amount, list) else [amount] * labels


def added(*amounts: Numbers) -> Numbers:
    """Amounts added label by label."""
    lengths = {len(amount) for amount in amounts if isinstance(amount, list)}
    if not lengths:
        return sum(amount for amount in amounts if not isinstance(amount, list))
    return [sum(numbers) for numbers in zip(*(of_each(amount, max(lengths)) for amount in amounts), strict=True)]
