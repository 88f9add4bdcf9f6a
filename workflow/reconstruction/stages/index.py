"""Stage `index`: every experiment on one page that opens from disk, with links to what was made of each."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..files import layout, store
from ..report import experiments, index, pictures, table


def run(
    evaluation_paths: Sequence[Path],
    output: Path,
    inspection_paths: Sequence[Path] = (),
    settings: Sequence[Mapping[str, Any]] = (),
) -> None:
    """Each file lies in the folder of its experiment, with what `draw` made.

    settings: those in which the experiments differ, of each evaluation, then of each inspection.
    """
    evaluations, inspections = experiments.read("index", evaluation_paths, inspection_paths)
    thumbnails = [
        *(
            pictures.thumbnail_of_pairs(path.parent / layout.below(layout.OF_SWEEP, layout.PAIRS))
            for path in evaluation_paths
        ),
        *(pictures.thumbnail(list(it["representatives/shown"])) for it in inspections),
    ]
    rows = [
        index.Experiment(row, thumbnail, Path(os.path.relpath(path.parent, output.parent)).as_posix())
        for row, thumbnail, path in zip(
            table.rows([*evaluations, *inspections], settings),
            thumbnails,
            [*evaluation_paths, *inspection_paths],
            strict=True,
        )
    ]
    content = index.render(rows).encode()
    store.write_whole(output, content)
    print(f"index: {len(rows)} experiments in {output}, {len(content) / 1e6:.1f} MB")
