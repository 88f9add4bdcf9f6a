"""Stage `index`: every experiment on one page that opens from disk, with links to what was made of each."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import UserError
from ..files import layout, store
from ..report import index, pictures, table


def run(
    evaluation_paths: Sequence[Path],
    output: Path,
    inspection_paths: Sequence[Path] = (),
    settings: Sequence[Mapping[str, Any]] = (),
) -> None:
    """Each file lies in the folder of its experiment, with what `draw` made.

    settings: those in which the experiments differ, of each evaluation, then of each inspection.
    """
    evaluations = [store.read(path, "evaluation") for path in evaluation_paths]
    inspections = [store.read(path, "inspection") for path in inspection_paths]
    if not (evaluations or inspections):
        raise UserError("index: no experiments", "give --evaluations, --inspections or both")
    thumbnails = [
        *(
            pictures.thumbnail_of_pairs(path.parent / layout.below(layout.OF_SWEEP, layout.PAIRS))
            for path in evaluation_paths
        ),
        *(pictures.thumbnail(list(it["representatives/shown"])) for it in inspections),
    ]
    experiments = [
        index.Experiment(row, thumbnail, Path(os.path.relpath(path.parent, output.parent)).as_posix())
        for row, thumbnail, path in zip(
            table.rows([*evaluations, *inspections], settings),
            thumbnails,
            [*evaluation_paths, *inspection_paths],
            strict=True,
        )
    ]
    content = index.render(experiments).encode()
    store.write_whole(output, content)
    print(f"index: {len(experiments)} experiments in {output}, {len(content) / 1e6:.1f} MB")
