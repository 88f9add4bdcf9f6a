"""Files are whole or absent, and a file that will not serve is refused by name."""

import json
import shutil
import subprocess
from dataclasses import replace

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from reconstruction.errors import UserError
from reconstruction.files import store

ARRAYS = {
    "group/numbers": np.arange(60, dtype=np.float32).reshape(3, 20),
    "flags": np.array([True, False]),
    "small": np.array([-1, 1], np.int8),
    "empty": np.zeros((0, 4), np.float64),
    "scalar": np.asarray(0.25),
    "text": np.array('{"a": 1}'),
}


def write_stored(path, kind="subset", arrays=ARRAYS, **changes):
    return store.write(path, kind, arrays, **{"settings_json": '{"a": 1}', "facts": {"device": "cpu"}, **changes})


def write(path, *arguments, **changes):
    return write_stored(path, *arguments, **changes).path


def same(one, other):
    return one.keys() == other.keys() and all(np.array_equal(one[name], other[name]) for name in one)


@pytest.fixture
def stored(tmp_path):
    return write(tmp_path / "file.h5")


def test_what_is_written_is_read(stored):
    found = store.read(stored, "subset")
    assert same(found.arrays, ARRAYS)
    assert {name: found[name].dtype for name in ("flags", "small")} == {"flags": bool, "small": np.int8}
    assert found.settings == {"a": 1}
    assert found.facts == {"device": "cpu"}
    assert list(stored.parent.iterdir()) == [stored]


def test_what_was_written_is_told_as_reading_tells_it(tmp_path, stored):
    source = store.read(stored, "subset")
    written = write_stored(tmp_path / "model.h5", "model", sources={"subset": source})
    read = store.read(tmp_path / "model.h5", "model")
    assert replace(written, arrays={}) == replace(read, arrays={})
    assert same(written.arrays, read.arrays)
    assert read.sources == {"subset": source.digest}


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(array=hnp.arrays(st.sampled_from([np.float32, np.int64, np.bool_]), hnp.array_shapes(min_dims=0, min_side=0)))
def test_any_array_survives(tmp_path, array):
    found = store.read(write(tmp_path / "any.h5", arrays={"array": array}), "subset")["array"]
    np.testing.assert_array_equal(found, array)


def test_data_sets_are_compressed_and_checksummed(stored):
    with h5py.File(stored) as file:
        assert file["group/numbers"].fletcher32
        assert file["group/numbers"].compression == "gzip"


def test_the_digest_depends_on_contents_and_not_on_facts(tmp_path):
    first = store.read(write(tmp_path / "1.h5"), "subset")
    assert store.read(write(tmp_path / "2.h5", facts={"device": "cuda"}), "subset").digest == first.digest
    changed = {**ARRAYS, "small": np.array([1, 1], np.int8)}
    assert store.read(write(tmp_path / "3.h5", arrays=changed), "subset").digest != first.digest
    assert store.read(write(tmp_path / "4.h5", settings_json="{}"), "subset").digest != first.digest


def test_a_failed_write_leaves_the_old_file_and_nothing_else(stored):
    before = stored.read_bytes()
    with pytest.raises(TypeError):
        write(stored, arrays={"good": np.ones(3), "bad": np.array([object()])})
    assert stored.read_bytes() == before
    assert list(stored.parent.iterdir()) == [stored]


def refusal(path, kind="subset"):
    with pytest.raises(UserError) as caught:
        store.read(path, kind)
    sentence = str(caught.value)
    assert str(path) in sentence
    assert "\n" not in sentence
    return sentence


def test_a_missing_file(tmp_path):
    assert "run `subset` first" in refusal(tmp_path / "none.h5")


def test_a_file_that_another_process_removes_while_it_is_read(stored, monkeypatch):
    monkeypatch.setattr(
        store, "_is_sealed", lambda handle, is_sealed=store._is_sealed: stored.unlink() or is_sealed(handle)
    )
    np.testing.assert_array_equal(store.read(stored, "subset")["small"], ARRAYS["small"])


@pytest.mark.parametrize("part", [0, 0.01, 0.3, 0.7, 0.99])
def test_a_truncated_file(stored, part):
    whole = stored.read_bytes()
    stored.write_bytes(whole[: int(part * len(whole))])
    refusal(stored)


def test_a_file_that_is_no_hdf5(stored):
    stored.write_text("dataset,model\n" * 500)
    refusal(stored)


def test_a_foreign_hdf5_file(stored):
    with h5py.File(stored, "w") as file:
        file["images"] = np.ones(3)
    assert "not a file of this program" in refusal(stored)


def test_another_kind_of_file(stored):
    assert "a subset file; give a model file" in refusal(stored, "model")


def test_another_format_version(stored):
    with h5py.File(stored, "r+") as file:
        file.attrs["format_version"] = 99
    assert "damaged" in refusal(stored)
    stored.write_bytes(store.seal(memoryview(bytearray(stored.read_bytes()))))
    assert "has format version 99" in refusal(stored)


@pytest.mark.parametrize("attribute", ["settings", "digest", "facts"])
def test_a_changed_attribute(stored, attribute):
    with h5py.File(stored, "r+") as file:
        file.attrs[attribute] = np.bytes_(b"{}")
    assert "damaged" in refusal(stored)


def test_a_changed_data_set(stored):
    with h5py.File(stored, "r+") as file:
        file["small"][0] = 1
    assert "damaged" in refusal(stored)


def test_any_flipped_bit_is_refused(stored):
    whole = stored.read_bytes()
    for position in range(0, len(whole), 7):
        damaged = bytearray(whole)
        damaged[position] ^= 1 << (position % 8)
        stored.write_bytes(damaged)
        if whole[position : position + 1] != b"\n" or position >= store.USER_BLOCK:
            refusal(stored)


def test_what_a_file_made_by_hand_lacks_is_named(stored):
    found = store.read(stored, "subset")
    assert found.facts["device"] == "cpu"
    assert found.facts.get("seconds") is None
    with pytest.raises(UserError, match=r"file\.h5: does not say its seconds; remove it"):
        found.facts["seconds"]
    with pytest.raises(UserError, match=r"file\.h5: has no array images; remove it"):
        found["images"]


def test_a_file_made_from_another_is_refused(tmp_path):
    source, other = store.read(write(tmp_path / "1.h5"), "subset"), write(tmp_path / "2.h5", settings_json="{}")
    made = store.read(write(tmp_path / "3.h5", "model", sources={"subset": source}), "model")
    store.require_source(made, "subset", source)
    with pytest.raises(UserError, match="was not made from"):
        store.require_source(made, "subset", store.read(other, "subset"))


@pytest.fixture
def small_disk(tmp_path):
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = shutil.which("mount")
    if not mount or subprocess.run([mount, "-t", "tmpfs", "-o", "size=64k", "none", folder], check=False).returncode:
        pytest.skip("mounting a small disk needs root")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_full_disk(small_disk):
    old = write(small_disk / "file.h5")
    before = old.read_bytes()
    noise = np.random.default_rng(0).random(100_000)
    with pytest.raises(UserError, match="cannot be written"):
        write(old, arrays={"noise": noise})
    assert old.read_bytes() == before
    assert list(small_disk.iterdir()) == [old]


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written"):
        write(tmp_path / "file" / "file.h5")


def test_other_readers_open_the_file(stored):
    with h5py.File(stored) as file:
        assert json.loads(file.attrs["facts"]) == {"device": "cpu"}
        np.testing.assert_array_equal(file["group/numbers"], ARRAYS["group/numbers"])
