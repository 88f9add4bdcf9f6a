"""How many training images are told at 5 % false discoveries by plain NCC and by excess, waves weighed by several
powers of their frequency, and by which nulls: the counts of docs/evidence.md. Beside them what the same rule tells with
the candidates of other labels, and with all negated.

python benchmarks/counts.py results/cifar10/decay/subspace ...   of finished experiments, each with its subset.h5,
model.h5 and candidates.h5. --other FOLDER...: searches of networks that were trained on other images of the shape, or
of weights in disorder. These must tell none.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from reconstruction.configuration import Evaluation
from reconstruction.evaluation import pixels
from reconstruction.evaluation.chance import Chance, Shuffled
from reconstruction.evaluation.detail import excess
from reconstruction.evaluation.discoveries import Compared, is_discovery
from reconstruction.evaluation.matching import nearest_by_ncc
from reconstruction.evaluation.pixels import Pixels
from reconstruction.files import store
from reconstruction.models import deployed

POWERS = (0.0, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True)
class Answer:
    """Candidates, and both kinds of those that know nothing."""

    candidates: Pixels
    chance: Chance
    shuffled: Shuffled
    labels: np.ndarray | None = None  # of the candidates

    @property
    def negated(self) -> Answer:
        return replace(self, candidates=replace(self.candidates, coordinates=-self.candidates.coordinates))

    def plain(self, images: torch.Tensor, held_out: torch.Tensor) -> Compared:
        """By NCC."""
        nulls = {"scrambled": self.chance, "shuffled": self.shuffled}
        rate = Evaluation().false_positive_rate
        scores = {name: null.scores(images, rate) for name, null in nulls.items()}
        training, others = (nearest_by_ncc(some, self.candidates).score for some in (images, held_out))
        return Compared(training, others, scores)

    def excess(
        self, images: torch.Tensor, held_out: torch.Tensor, power: float, labels: np.ndarray | None = None
    ) -> tuple[Compared, float]:
        """labels: of the images; also what the candidates of other labels tell by the same rule."""
        apart = None if labels is None or self.labels is None else (labels, self.labels)
        found = excess(images, held_out, self.candidates, self.chance, self.shuffled, apart, power)
        compared = Compared(found.training, found.held_out, found.nulls)
        return compared, compared.claimed(found.other_labels)


def read(folder: Path) -> Answer:
    model = deployed.read(folder.parent / "model.h5")
    found = store.read(folder / "candidates.h5", "candidates")
    return Answer(
        pixels.of(found, "candidates/coordinates", model),
        Chance.of_candidates(found, model, 0),
        Shuffled.of_candidates(found, model, 0),
        None if model.network.regression else found["candidates/label"],
    )


def row(compared: Compared) -> dict[str, int]:
    """Discoveries by each null alone, and by the worst."""
    nulls = {"held out": compared.held_out, **compared.without_knowledge}
    alone = {name: int(is_discovery(compared.training, [null]).sum()) for name, null in nulls.items()}
    return {**alone, "all": int(is_discovery(compared.training, compared.nulls).sum())}


def table(
    answer: Answer,
    images: torch.Tensor,
    held_out: torch.Tensor,
    labels: np.ndarray,
    others: dict[str, Answer],
    powers: tuple[float, ...],
) -> pd.DataFrame:
    """A row for plain NCC and for the excess by each power; others know nothing."""
    others = {"negated": answer.negated, **others}
    rows = {"plain NCC": row(answer.plain(images, held_out))}
    rows["plain NCC"] |= {name: row(it.plain(images, held_out))["all"] for name, it in others.items()}
    for power in powers:
        found, other_labels = answer.excess(images, held_out, power, labels)
        claims = {name: row(it.excess(images, held_out, power)[0])["all"] for name, it in others.items()}
        rows[f"excess, power {power:g}"] = row(found) | {"other labels": other_labels} | claims
    return pd.DataFrame(rows).T


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("experiments", type=Path, nargs="+", help="folders of experiments, DATASET/MODEL/SWEEP")
    parser.add_argument("--other", type=Path, nargs="*", default=[], metavar="FOLDER", help="of others, likewise")
    parser.add_argument("--powers", type=float, nargs="+", default=POWERS, help="of frequency (default: several)")
    options = parser.parse_args()
    torch.set_num_threads(1)
    others = {"/".join(folder.parts[-3:]): read(folder) for folder in options.other}
    for folder in options.experiments:
        answer, subset = read(folder), store.read(folder.parents[1] / "subset.h5", "subset")
        parts = [answer.chance.model.centred(subset[f"{part}/images"]) for part in ("training", "held_out")]
        print(f"\n# {folder}: {len(parts[0])} images, {len(parts[1])} held out, {len(answer.candidates)} candidates\n")
        labels = subset["training/labels"]
        print(table(answer, *parts, labels, others, options.powers).to_markdown(), flush=True)


if __name__ == "__main__":
    main()
