"""Pruning removes merged shards, all of them or none."""

import pytest
from reconstruction.configuration import Merge
from reconstruction.errors import UserError
from reconstruction.stages import deduplicate
from reconstruction.tools import prune
from shard_helpers import write_model, write_shard


@pytest.fixture
def sweep(tmp_path):
    """A sweep's folder of two shards and their candidates."""
    model = write_model(tmp_path)
    shards = [write_shard(tmp_path / "shards", index, model) for index in (0, 1)]
    deduplicate.run(Merge(), model, shards, tmp_path / "candidates.h5")
    return tmp_path


def remaining(sweep):
    return sorted(path.name for path in (sweep / "shards").iterdir())


def test_merged_shards_are_listed_then_removed(sweep, capsys):
    prune.run(sweep, dry_run=True)
    said = capsys.readouterr().out
    assert all(f"{name}: 0.0 MiB" in said for name in ("0000.h5", "0001.h5"))
    assert "would remove 2 shards" in said
    assert "searched for again" in said
    assert remaining(sweep) == ["0000.h5", "0001.h5"]
    prune.run(sweep, dry_run=False)
    assert "removed 2 shards" in capsys.readouterr().out
    assert remaining(sweep) == []
    prune.run(sweep, dry_run=False)
    assert "removed 0 shards" in capsys.readouterr().out


@pytest.mark.parametrize("dry_run", [True, False])
def test_a_shard_that_is_not_merged_saves_them_all(sweep, dry_run):
    write_shard(sweep / "shards", 2, sweep / "model.h5")
    with pytest.raises(UserError, match=r"0002\.h5: is not among the shards .*candidates\.h5.*`deduplicate`"):
        prune.run(sweep, dry_run)
    assert len(remaining(sweep)) == 3


def test_a_shard_made_anew_is_not_the_one_that_was_merged(sweep):
    write_shard(sweep / "shards", 1, sweep / "model.h5", seed=1)
    with pytest.raises(UserError, match=r"0001\.h5: is not among"):
        prune.run(sweep, dry_run=False)
    assert len(remaining(sweep)) == 2


def test_missing_candidates_save_the_shards(sweep):
    (sweep / "candidates.h5").unlink()
    with pytest.raises(UserError, match=r"candidates\.h5: no such file"):
        prune.run(sweep, dry_run=False)
    assert len(remaining(sweep)) == 2


@pytest.mark.parametrize("name", ["candidates.h5", "shards/0001.h5"])
def test_a_damaged_file_saves_the_shards(sweep, name):
    content = bytearray((sweep / name).read_bytes())
    content[-100] ^= 1
    (sweep / name).write_bytes(content)
    with pytest.raises(UserError, match=r"truncated or damaged"):
        prune.run(sweep, dry_run=False)
    assert len(remaining(sweep)) == 2
