"""Watching ends by itself when all is made, and at once and quietly when it is told to."""

import os
import time

import pytest
from reconstruction.configuration import parsing
from reconstruction.files import layout, store
from reconstruction.tools import watch

VALUES = {
    "datasets": {"faces": {"source": {"kind": "faces"}, "labels": {"rule": "alternating"}, "per_label": 4}},
    "models": {"small": {"hidden": [8]}},
    "sweeps": {"demo": {"restarts": {"candidates": 4}}},
    "experiments": [{"dataset": "faces", "model": "small", "sweep": "demo"}],
}
CONFIGURATION = parsing.load(VALUES)
NAMES = CONFIGURATION.experiments[0].names


def make(folder, age, pattern, **names):
    path = folder / layout.result(pattern, **names)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    os.utime(path, (time.time() - age, time.time() - age))
    return path


def finish(folder):
    path = make(folder, 0, layout.SHARD, **NAMES, shard="0000")
    settings = CONFIGURATION.sweeps["demo"].restarts.to_json()
    store.write(path, "shard", {}, settings_json=settings, facts={"seconds": 1.0, "diverged": 0})


def test_it_looks_until_all_is_made(tmp_path, capsys):
    steps = [
        lambda: finish(tmp_path),
        lambda: make(tmp_path, 50, layout.INDEX),  # of an earlier run
        lambda: make(tmp_path, 20, layout.EVALUATION, **NAMES),
        lambda: make(tmp_path, 10, layout.INDEX),
    ]
    watch.watch(CONFIGURATION, tmp_path, lambda seconds: steps.pop(0)())
    assert not steps
    said = capsys.readouterr().out
    assert said.count("faces/small/demo") == 5
    assert said.endswith("watch: all is made; open results/index.html\n")
    assert "\x1b" not in said


def test_it_is_ended_in_one_sentence(tmp_path, capsys):
    def interrupt(seconds):
        raise KeyboardInterrupt

    watch.watch(CONFIGURATION, tmp_path, interrupt)
    assert capsys.readouterr().out.splitlines()[-1] == "watch: ended; the workflow, if it runs, goes on"


@pytest.mark.parametrize("missing", [layout.INDEX, layout.EVALUATION, layout.SHARD])
def test_nothing_may_be_missing(tmp_path, missing):
    finish(tmp_path)
    make(tmp_path, 20, layout.EVALUATION, **NAMES)
    make(tmp_path, 10, layout.INDEX)
    assert watch.is_made(CONFIGURATION, tmp_path)
    (tmp_path / layout.result(missing, **NAMES, shard="0000")).unlink()
    assert not watch.is_made(CONFIGURATION, tmp_path)
