"""The GPU's benchmark at a tiny size on a CPU."""

import gpu
import numpy as np
import pytest
import torch


@pytest.fixture
def cifar(tmp_path):
    generator = np.random.default_rng(0)
    images = generator.random((200, 32, 32, 3), np.float32)
    np.savez(tmp_path / "cifar10.npz", images=images, labels=np.arange(200) % 10)
    return tmp_path / "cifar10.npz"


@pytest.fixture
def options(tmp_path, cifar, monkeypatch):
    """As many as make all parts run in seconds; the second data set is the first one again, in grey."""
    monkeypatch.setattr(gpu, "PRECISIONS", {"float32": (torch.float32, "highest")})
    monkeypatch.setattr(gpu, "dataset", lambda name, given, real=gpu.dataset: real("cifar10", given))
    monkeypatch.setattr(gpu, "preset", tiny(gpu.preset))
    words = ["--device", "cpu", "--threads", "1", "--cifar", str(cifar), "--per-label", "3", "--hidden", "12", "12"]
    return [str(tmp_path / "out"), *words, "--restarts", "3", "--iterations", "5"]


def tiny(preset):
    def loaded(kind, name):
        models = {
            "flow": {"training": {"target_loss": 0.1, "steps": 150}},
            "decay": {"training": {"weight_decay": 0.1, "steps": 150}},
        }
        return preset(kind, name) | {"models": models}

    return loaded


@pytest.mark.slow
def test_every_part_leaves_its_table_and_its_picture(tmp_path, options, monkeypatch):
    called = []
    monkeypatch.setattr(gpu, "exact", lambda given, limit: called.append(limit))
    gpu.main([*options, "--seconds", "100"])
    text = (tmp_path / "out/tables.md").read_text()
    for title, rows in (("Rates", 3), ("Training", 4), ("Sweeps", 8)):
        lines = text.partition(f"## {title}\n\n")[2].partition("\n\n")[0].splitlines()
        assert len(lines) == 2 + rows
        assert len({line.count("|") for line in lines}) == 1
    names = {
        f"{data}-{model}{prior}"
        for data in ("cifar10", "mnist")
        for model in ("flow", "decay")
        for prior in ("", "-range")
    }
    assert all(f"| {name} |" in text for name in names)
    assert {path.stem for path in (tmp_path / "out").glob("*.png")} == names
    assert called == [24]


def test_a_sweep_ends_with_its_time(monkeypatch):
    monkeypatch.setattr(gpu, "AT_ONCE", 2)
    now = iter((1.0, 2.0))
    monkeypatch.setattr(gpu.time, "monotonic", lambda: next(now))
    assert list(gpu.parts(5, due=1.5)) == [range(2), range(2, 4)]


@pytest.mark.slow
def test_the_exact_attack_ends_with_its_time_and_keeps_what_it_said(tmp_path, monkeypatch, cifar):
    script = tmp_path / "benchmarks/exact.py"
    script.parent.mkdir()
    script.write_text("import time\nprint('explore: 400 starts', flush=True)\ntime.sleep(60)\n")
    monkeypatch.setattr(gpu, "ROOT", tmp_path)
    options = gpu.Namespace(device=torch.device("cpu"), per_label=3, folder=tmp_path, threads=1, cifar=cifar)
    gpu.exact(options, 5)
    assert (tmp_path / "exact.txt").read_text() == "explore: 400 starts\nexact attack: stopped after 5 s\n"
