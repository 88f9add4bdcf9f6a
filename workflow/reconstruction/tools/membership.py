"""The membership scores of a pool of images or vectors as files, and where members are known the ROC curve."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import matplotlib
import pandas as pd
from matplotlib.figure import Figure
from sklearn.metrics import roc_curve

from ..errors import UserError
from ..evaluation import subjects
from ..evaluation.kinds import DIFFERENT, told_apart
from ..evaluation.membership import SCORES, answers, has_targets_alone, read_pool, scores_of, summary
from ..evaluation.separation import FALSE_POSITIVE_RATE, Estimate
from ..files import store
from ..machine.devices import require_memory
from ..report.figures import STYLE, save
from ..report.palette import BLUE, GREEN, GREY, ORANGE
from ..training.examination import mistakes

COLOURS = dict(zip(SCORES, (BLUE, GREEN, ORANGE), strict=True))


def run(model_path: Path, pool_path: Path, output: Path, own_answers: bool = False) -> None:
    """Write the scores, and where members are known their ROC curve (.png, .pdf) and summary (.json) beside them."""
    if output.suffix != ".csv":
        raise UserError(f"{output}: the scores are a table", "let the output's name end in .csv")
    subject = subjects.read(model_path, has_targets_alone(pool_path))
    suspects = read_pool(pool_path, subject.model, labelled=not own_answers)
    for remark in suspects.remarks:
        print(f"membership: warning: {remark}")
    count, what, family = len(suspects.labels), subject.what, subject.model.family
    require_memory(
        subject.bytes_for(count),
        f"{pool_path}: to score {count} {what} by their products with each other",
        f"give fewer {what} at a time, or smaller ones",
    )
    if own_answers:
        suspects = replace(suspects, labels=answers(subject.outputs(suspects.images), family))
    scores, condition = subject.score(suspects)
    if condition:
        print(f"membership: {condition}")
    known = "" if suspects.member is None else " that it was trained on"
    margins = scores["margin"].to_numpy() if suspects.member is None else scores["margin"].to_numpy()[suspects.member]
    wrong = mistakes(margins, f"{what}{known}", family)
    if wrong and 2 * (margins <= 0).sum() > len(margins):
        print(f"membership: warning: {wrong}; {subject.causes}")
    write = {output: scores.to_csv(index=False, float_format="%.6g")}
    if family.lambda_has_a_sign:
        print(f"membership: {(scores['lambda'] > 0).sum()} of {len(scores)} {what} have a positive lambda")
    if suspects.member is not None:
        kind = told_apart(suspects.images[suspects.member], suspects.images[~suspects.member])
        if kind.low > DIFFERENT:
            print(
                f"membership: warning: members are of another kind than the other {what}: a random forest tells apart "
                f"those that it has not seen with an AUC of {kind.value:.2f}, so that the rates below may tell the kind"
            )
        found = summary(scores)
        write[output.with_suffix(".json")] = json.dumps(written(scores, found), indent=2) + "\n"
        for name in scores_of(scores):
            auc, rate = found[f"{name}_auc"], found[f"{name}_tpr"]
            print(
                f"membership: by {name}, AUC {auc.value:.3f} (95%: {auc.low:.3f} to {auc.high:.3f}), "
                f"true-positive rate {rate.value:.1%} ({rate.low:.1%} to {rate.high:.1%}) "
                f"at {FALSE_POSITIVE_RATE:.0%} false positives"
            )
    if subject.caution:
        print(f"membership: {subject.caution}")
    for path, text in write.items():
        store.write_whole(path, text.encode())
    if suspects.member is not None:
        figure = output.with_suffix(".png")
        with matplotlib.rc_context(STYLE), store.writing(figure):
            save(draw(scores, found), figure)


def written(scores: pd.DataFrame, found: Mapping[str, Estimate]) -> dict[str, float]:
    """A summary as numbers by name, without what the pool is too small to tell."""
    known = {name: estimate for name, estimate in found.items() if not math.isnan(estimate.value)}
    return {
        "images": len(scores),
        "members": int(scores["member"].sum()),
        **{
            f"{name}{end}": value
            for name, estimate in known.items()
            for end, value in (("", estimate.value), ("_low", estimate.low), ("_high", estimate.high))
        },
    }


def draw(scores: pd.DataFrame, found: Mapping[str, Estimate]) -> Figure:
    """The ROC curves of the scores, of which a summary was found."""
    figure = Figure(figsize=(3.2, 2.9))
    axis = figure.subplots()
    for name in scores_of(scores):
        false, true, _ = roc_curve(scores["member"], scores[name])
        axis.step(false, true, where="post", color=COLOURS[name], label=f"{name}, AUC {found[f'{name}_auc'].value:.3f}")
    axis.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle="--", label="guessing")
    axis.set_xlabel("false-positive rate")
    axis.set_ylabel("true-positive rate")
    axis.legend()
    return figure
