"""Free the disk of a sweep's shards once their candidates are merged.

candidates.h5 keeps all that the stages after it read, and a digest of each shard that it was made from. The workflow
does not ask for a missing shard while candidates.h5 is up to date. What is given up: merging anew, with other
settings or with more shards, needs every shard, and the pruned ones would be searched for again.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..errors import UserError, reason
from ..files import layout, store


def run(folder: Path, dry_run: bool) -> None:
    """folder: of a sweep, with candidates.h5 and shards/. Removes nothing unless every shard there is merged."""
    shards = merged_shards(folder)
    size = sum(path.stat().st_size for path in shards)
    for path in shards:
        print(f"{path}: {path.stat().st_size / 2**20:.1f} MiB")
    amount = f"{len(shards)} shards of {size / 2**20:.1f} MiB in all"
    cost = "to merge anew, with other settings or more shards, their restarts would have to be searched for again"
    if dry_run:
        print(f"prune: would remove {amount}; {cost}")
        return
    for path in shards:
        try:
            path.unlink()
        except OSError as error:
            raise UserError(f"{path}: cannot be removed ({reason(error)})", "unlock it and run again") from None
    print(f"prune: removed {amount}; {cost}")


def merged_shards(folder: Path) -> list[Path]:
    """The shards of a sweep, all of which candidates.h5 was made from; raises UserError where that is not so."""
    candidates = store.read(folder / layout.below(layout.OF_SWEEP, layout.CANDIDATES), "candidates")
    names, digests = (candidates.arrays.get(f"shards/{name}", np.empty(0)) for name in ("name", "digest"))
    known = dict(zip(names.tolist(), digests.tolist(), strict=True))
    shards = sorted(folder.glob(layout.below(layout.OF_SWEEP, layout.SHARD).format(shard="*")))
    for path in shards:
        if known.get(path.name) != store.read(path, "shard").digest:
            raise UserError(
                f"{path}: is not among the shards that {candidates.path} was made from", "run `deduplicate` again first"
            )
    return shards
