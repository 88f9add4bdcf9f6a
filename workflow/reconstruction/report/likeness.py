"""What the page says of its pictures: by which rule candidates are shown, and whether their SSIM tells anything."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..evaluation.showing import NO_RULE, best45_name

MARGIN = 0.1  # of SSIM, by which the best training images are to exceed the best held-out ones
RULES = {
    "stretch": "each stretched from its own darkest to its own brightest pixel",
    "clamp": "as they are, cut off at black and white",
    "one-contrast": "at one contrast for all, cut off at black and white",
}


def sentence(row: Mapping[Any, Any]) -> str:
    """Of an evaluated experiment; nothing of one of vectors."""
    rule = row["showing"]
    if rule == NO_RULE:
        return ""
    training, held_out = (row[best45_name(rule, part)] for part in ("", "held_out_"))
    said = (
        f"Candidates are shown {RULES[rule]}. SSIM by this rule of the {min(45, int(row['n']))} best is "
        f"{training:.2f}, and of the best images never trained on, of the same share of them, {held_out:.2f}"
    )
    return f"{said}{': SSIM tells nothing here' if training - held_out < MARGIN else ''}."
