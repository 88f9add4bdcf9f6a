"""Nobody waits for what is no file, and nobody makes room for what is none."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hostile_helpers import refusal
from PIL import Image
from reconstruction.configuration import AdoptedModel, ImageFile, ImageFolder
from reconstruction.data import sources
from reconstruction.errors import UserError
from reconstruction.files import outside, store
from reconstruction.files.label import glance
from reconstruction.models import adopted, deployed
from reconstruction.tools import show, status

ROOT = Path(__file__).parents[2]
TERABYTES = 2**42


@pytest.fixture(autouse=True)
def no_waiting():
    """An alarm ends who waits for a pipe."""

    def give_up(*_):
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(120)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def pipe(path):
    os.mkfifo(path)


def unix_socket(path):
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(path.name)


def holes(path, start=b""):
    path.write_bytes(start)
    os.truncate(path, TERABYTES)


OTHERS = {
    "a folder": Path.mkdir,
    "a named pipe": pipe,
    "a socket": unix_socket,
    "a device": lambda path: path.symlink_to("/dev/zero"),
}


def adopt(path, **settings):
    return adopted.read(AdoptedModel(weights=str(path), input_shape=(1, 2, 2), **settings))


def adopt_mean(path):
    weights = path.with_name("weights.pt")
    torch.save({"0.weight": torch.ones(3, 4), "1.weight": torch.ones(1, 3)}, weights)
    return adopt(weights, mean=str(path))


READERS = {
    "model.h5": deployed.read,
    "shard.h5": lambda path: store.read(path, "shard"),
    "weights.pth": adopt,
    "weights.safetensors": adopt,
    "mean.npy": adopt_mean,
    "images.npz": lambda path: sources.load(ImageFile(kind="file", path=str(path))),
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("kind", OTHERS)
def test_only_regular_files_are_opened(tmp_path, monkeypatch, reader, kind):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / reader
    OTHERS[kind](path)
    assert refusal(READERS[reader], path) == f"{path}: is {kind}, not a regular file; name a file"


@pytest.mark.parametrize("reader", READERS)
def test_terabytes_of_holes(tmp_path, reader):
    path = tmp_path / reader
    holes(path)
    assert refusal(READERS[reader], path).startswith(f"{path}: ")


@pytest.mark.parametrize(
    ("reader", "start"), [("model.h5", store.SEAL), ("weights.pth", b"PK\3\4"), ("images.npz", b"PK\3\4")]
)
def test_terabytes_of_holes_behind_a_right_beginning(tmp_path, reader, start):
    path = tmp_path / reader
    holes(path, start)
    assert refusal(READERS[reader], path).startswith(f"{path}: ")


def test_an_image_that_is_a_pipe_is_passed_over(tmp_path):
    (tmp_path / "ant").mkdir()
    Image.new("L", (2, 2), 200).save(tmp_path / "ant/0.png")
    os.mkfifo(tmp_path / "ant/1.png")
    pool, *_ = sources.load(ImageFolder(kind="folder", path=str(tmp_path)))
    assert len(pool.images) == 1
    assert any("passed over" in remark for remark in pool.remarks)


def test_who_looks_on_does_not_wait_either(tmp_path):
    os.mkfifo(tmp_path / "table.csv")
    assert glance(tmp_path / "table.csv", "shard") is None
    assert status.tail(tmp_path / "table.csv") == ""
    assert "is a named pipe" in refusal(show.show, tmp_path)


def test_a_pipe_that_takes_the_place_of_a_file(tmp_path, monkeypatch):
    path = tmp_path / "a"
    path.write_bytes(b"")
    regular = path.stat()
    path.unlink()
    os.mkfifo(path)
    monkeypatch.setattr(Path, "stat", lambda self: regular)
    assert "is a named pipe" in refusal(outside.opened, path)


def test_a_file_of_more_than_there_is_room_for(tmp_path, monkeypatch):
    (tmp_path / "a").write_bytes(bytes(1000))
    monkeypatch.setattr("reconstruction.machine.devices.free_memory", lambda: 999)
    assert "a: to read its bytes takes 0.0 GiB, and 0.0 GiB are free" in refusal(outside.opened_whole, tmp_path / "a")
    with outside.opened(tmp_path / "a") as handle:
        assert outside.size(handle) == 1000


@pytest.mark.parametrize("claimed", [TERABYTES, 10**5000], ids=["terabytes", "more"])
def test_any_claim_makes_a_sentence(claimed):
    assert "GiB are free" in refusal(outside.require_room, "a", "its array", claimed)
    with pytest.raises(ValueError, match="MiB and stores 9 bytes"):
        outside.require_stored("its array", claimed, 9)


def test_a_command_refuses_a_pipe_at_once(tmp_path):
    os.mkfifo(tmp_path / "model.h5")
    command = [sys.executable, "-m", "reconstruction", "scramble", "--model", "model.h5", "--output", "other.h5"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "workflow")}
    finished = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert (finished.returncode, finished.stderr) == (
        1,
        "error: model.h5: is a named pipe, not a regular file; name a file\n",
    )


def test_files_of_ones_own_are_read_as_before(tmp_path):
    np.savez(tmp_path / "a.npz", images=np.full((4, 2, 2), 200, np.uint8), labels=np.arange(4))
    (tmp_path / "b.npz").symlink_to("a.npz")
    assert len(sources.load(ImageFile(kind="file", path=str(tmp_path / "b.npz")))[0].images) == 4


@pytest.mark.parametrize("error", [PermissionError(13, "denied"), ValueError("no number\nat all.")])
def test_what_keeps_a_file_from_being_read_is_one_sentence_with_a_remedy(error):
    with pytest.raises(UserError) as caught, outside.reading(Path("some.yaml"), "mend it", ValueError):
        raise error
    assert str(caught.value).startswith("some.yaml: cannot be read (")
    assert str(caught.value).endswith("); mend it")
    assert "\n" not in str(caught.value)
