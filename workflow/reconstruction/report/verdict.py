"""What an experiment says of its model, as people are told: whether the attack applies, who and what came back, and
what that means.

Where what the attack assumes does not hold, or nothing came back, no sentence says that the model is safe.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from ..evaluation.discoveries import FALSE_DISCOVERY_RATE
from ..evaluation.kinds import DIFFERENT
from ..evaluation.scores import EXACT, RECOGNISABLE
from ..evaluation.separation import FALSE_POSITIVE_RATE
from ..files import store
from ..training.verdict import FAILS, IN_PART, UNKNOWN, Verdict, reason

WARNING = (
    "What was found without images to compare with proves nothing by itself: many sets of images satisfy the equations "
    "equally well, without held-out images there is no false-positive rate, and an image that does not appear has not "
    "been shown to be safe."
)
CAVEATS = {
    FAILS: "This attack cannot tell what the model remembers, since what it assumes does not hold",
    IN_PART: "This attack may miss what the model remembers, since what it assumes holds in part only",
    UNKNOWN: "What this attack finds proves nothing without images to compare with",
}
OF_OTHERS = (
    "Held-out {things} are of another kind than the training {things}, so that what is counted beside them may tell "
    "the kind instead of what was trained on"
)
IMAGES = "the model gives training images away: treat it as you would treat them"
MEMBERS = (
    "the model gives away which images it was trained on, and that too few come back to be told from chance does not "
    "show that they cannot be reconstructed"
)
NOTHING = "what does not come back has not been shown to be safe"
RULE_OF_THREE = 3  # where none of k passes, the rate may still be 3 / k, at 95 %

Row = Mapping[Any, Any]


def meaning(row: Row) -> str:
    """The verdict in a sentence, what speaks against relying on it first."""
    caveats, found = [CAVEATS[row["condition"]]] if row["condition"] in CAVEATS else [], leak(row)
    if has_other_kind(row):
        caveats.append(OF_OTHERS.format(things=things(row)))
    said = ". ".join(caveats)
    if not said:
        return f"{found[0].upper()}{found[1:]}."
    despite = "unless it does, " if has_other_kind(row) else "even so, "
    return f"{said}; {'' if found == NOTHING else despite}{found}."


def leak(row: Row) -> str:
    if not is_evaluated(row):
        return NOTHING
    if row["reconstructed_images"] > 0:
        return IMAGES
    chance = max(FALSE_POSITIVE_RATE, RULE_OF_THREE / row["n_held_out"])
    return MEMBERS if row["membership_tpr_low"] > chance else NOTHING


def answers(row: Row) -> dict[str, str]:
    """What the verdict goes by, each question with its answer."""
    found = {"Does the attack apply?": assumptions(row)}
    if has_other_kind(row):
        found["Are held-out ones of the same kind?"] = kinds(row)
    if is_evaluated(row):
        found |= {"Are members told?": members(row), "Do images come back?": images(row)}
    return found | {"Plain counts:": counts(row)}


def assumptions(row: Row) -> str:
    verdict = str(Verdict(row["condition"], row.get("unexplained"), row.get("unexplained_beyond"), row["balance"]))
    return f"{verdict[0].upper()}{verdict[1:]}: {reason(row)}."


def has_other_kind(row: Row) -> bool:
    """Whether held-out images are of another kind than the training images."""
    return is_evaluated(row) and row["kind_auc_low"] > DIFFERENT


def kinds(row: Row) -> str:
    return (
        f"No: a random forest tells held-out {things(row)} that it has not seen from training ones with an AUC of "
        f"{row['kind_auc']:.2f}, where 0.5 is guessing; hold out {things(row)} of the same source and classes, "
        "mixed by `draw: seeded`."
    )


def members(row: Row) -> str:
    others, rate = int(row["n_held_out"]), FALSE_POSITIVE_RATE
    low, high = row["membership_tpr_low"], row["membership_tpr_high"]
    coarse = f"; with {others} of these no rate below 1 in {others} can be told" if others * rate < 1 else ""
    return (
        f"{row['membership_tpr']:.0%} of the training {things(row)} (95%: {low:.0%} to {high:.0%}) are told from "
        f"{things(row)} never trained on at {rate:.0%} false positives, by {row['membership_by']}{coarse}."
    )


def images(row: Row) -> str:
    what, n, found = things(row), int(row["n"]), row["reconstructed_images"]
    rate = f"{FALSE_DISCOVERY_RATE:.0%} false discoveries"
    if math.isnan(found):
        said = f"how many of {n} training {what} come back cannot be told at {rate} with so few to compare with"
    elif found:
        low, high = row["reconstructed_low"], row["reconstructed_high"]
        said = f"{found:.0f} of {n} training {what} come back at {rate} (95%: {low:.0f} to {high:.0f}){crosscheck(row)}"
    else:
        said = (
            f"none of {n} training {what} is told from chance at {rate}, where no fewer than "
            f"{row['reconstructed_fewest']:.0f} could be"
        )
    return (
        f"{said[0].upper()}{said[1:]}; recognisable, with {a_similarity(row)} above {RECOGNISABLE}: "
        f"{row['recognisable_images']:.0f}, and of {row['n_held_out']:.0f} never trained on "
        f"{row['recognisable_held_out_images']:.0f}."
    )


def crosscheck(row: Row) -> str:
    """What the same rule tells where there is nothing to tell; a regression has no other labels."""
    claimed = row["reconstructed_with_other_labels"]
    return "" if math.isnan(claimed) else f", where candidates of other labels would tell {claimed:.0f}"


def counts(row: Row) -> str:
    """What an evaluation or an inspection found."""
    if not is_evaluated(row):
        return f"{row['representatives']} representatives of {row['candidates']} candidates."
    return (
        f"Training {things(row)} with {a_similarity(row)} above {EXACT}: {row['exact_images']:.0f}, above the held-out "
        f"threshold: {row['ncc_hits_over_held_out']:.0f}, above the scrambled one, too: {row['ncc_hits']:.0f}; of "
        f"those never trained on, above the held-out threshold: {row['ncc_held_out_hits']:.0f}{by_ncc(row)}."
    )


def by_ncc(row: Row) -> str:
    """How many images plain NCC tells from chance, where that can be told."""
    found = row["reconstructed_by_ncc"]
    return "" if math.isnan(found) else f". By plain {similarity(row)} {found:.0f} are told from chance"


def parts(row: Row) -> dict[str, Any]:
    """The verdict as templates show it."""
    return {
        "meaning": meaning(row),
        "answers": answers(row),
        "similarity": similarity(row),
        "warning": "" if is_evaluated(row) else WARNING,
    }


def headline(row: Row) -> str:
    """Which experiment and what it means, and a line for each answer."""
    first = meaning(row) if is_evaluated(row) else f"{meaning(row)} {WARNING}"
    lines = [f"  {question} {answer}" for question, answer in answers(row).items()]
    return "\n".join([f"{row['dataset']}, {row['model']}, {row['sweep']}: {first}", *lines])


def similarity(row: Row) -> str:
    """What matches are scored by: pictures, which alone have an SSIM, by NCC, vectors by cosine."""
    return "cosine" if is_evaluated(row) and math.isnan(row["ssim_mean"]) else "NCC"


def things(row: Row) -> str:
    """What an evaluation is of."""
    return "vectors" if similarity(row) == "cosine" else "images"


def similarities(rows: Iterable[Row]) -> str:
    """The same of all experiments that have images."""
    return " or ".join(sorted({similarity(row) for row in rows if is_evaluated(row)})) or "NCC"


def scored_by(evaluation: store.Stored) -> str:
    """The same of an evaluation."""
    return similarity(evaluation.table("row"))


def a_similarity(row: Row) -> str:
    return {"cosine": "a cosine", "NCC": "an NCC"}[similarity(row)]


def is_evaluated(row: Row) -> bool:
    return row["n"] is not None and not math.isnan(row["n"])
