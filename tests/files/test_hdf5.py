"""HDF5 files made by hand end in one sentence, at once, and reach no other file."""

import os

import h5py
import numpy as np
import pytest
from hostile_helpers import DATA_SETS, by_hand, refusal, succeed_or_refuse, write_model
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reconstruction.errors import UserError
from reconstruction.files import arrays, hdf5, store
from reconstruction.files.label import glance
from reconstruction.models import deployed


@pytest.fixture
def model(tmp_path, monkeypatch):
    """A model in a folder with a named pipe, at which whoever opens it would wait."""
    monkeypatch.chdir(tmp_path)
    os.mkfifo("secret")
    return write_model(tmp_path / "model.h5")


@pytest.mark.parametrize("case", DATA_SETS)
def test_a_product(model, case):
    make, defect = DATA_SETS[case]

    def change(file):
        del file["mean"]
        make(file, "mean")

    sentence = refusal(deployed.read, by_hand(model, change))
    assert sentence.startswith(f"{model}: cannot be read (")
    assert defect in sentence


@pytest.mark.parametrize("case", DATA_SETS)
def test_a_file_of_images(model, case):
    make, defect = DATA_SETS[case]
    with h5py.File("images.h5", "w") as file:
        make(file, "images")
    with arrays.opened("images.h5") as opened:
        assert "images" in opened
        assert opened.names() == ["images"]
    assert defect in refusal(read, "images.h5")


def read(path, name="images"):
    with arrays.opened(path) as opened:
        return opened.read([name])[name]


def test_raw_storage_elsewhere_would_have_been_read(tmp_path, monkeypatch):
    """What the refusal is for."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "secret").write_bytes(np.arange(4, dtype=np.float32).tobytes())
    with h5py.File("images.h5", "w") as file:
        DATA_SETS["raw storage elsewhere"][0](file, "images")
        assert file["images"][()].tolist() == [0, 1, 2, 3]
    assert "keeps its values in another file" in refusal(read, "images.h5")


ATTRIBUTES = {
    "missing": (None, "it has no attribute settings"),
    "text of any length": ("{}", "no text of fixed length"),
    "number": (3, "is no text"),
    "list": (np.array([b"{}", b"{}"]), "is no text"),
    "empty": (h5py.Empty("S2"), "is no text"),
    "reference": (h5py.Reference(), "is no text"),
    "no UTF-8": (np.bytes_(b'{"a": "\xff"}'), "can't decode byte 0xff"),
    "no JSON": (np.bytes_(b"{a: 1}"), "is not JSON"),
    "nested": (np.bytes_(b"[" * 60_000), "nested too deep"),
    "deeper objects": (np.bytes_(b'{"a":' * 10_000 + b"1" + b"}" * 10_000), "nested too deep"),
    "digits": (np.bytes_(b'{"a": ' + b"9" * 5_000 + b"}"), "is not JSON"),
    "no object": (np.bytes_(b"[1]"), "is no JSON object"),
}


@pytest.mark.parametrize("name", ["settings", "facts", "sources"])
@pytest.mark.parametrize("case", ATTRIBUTES)
def test_an_attribute(model, case, name):
    value, defect = ATTRIBUTES[case]

    def change(file):
        del file.attrs[name]
        if value is not None:
            file.attrs[name] = value

    by_hand(model, change)
    sentence = refusal(store.read, model, "model")
    assert defect.replace("settings", name) in sentence
    assert len(sentence) < 500
    assert glance(model, "model") is None or name == "sources"


@pytest.mark.parametrize("value", [b"2", np.array([2, 2]), 2.0, h5py.Empty("i4"), 2**62])
def test_a_format_version(model, value):
    by_hand(model, lambda file: file.attrs.__setitem__("format_version", value))
    assert "format" in refusal(store.read, model, "model")
    assert glance(model, "model") is None


def test_the_kind_is_quoted(model):
    by_hand(model, lambda file: file.attrs.__setitem__("kind", np.bytes_("x\nerror: \x1b[2J\u202e".encode())))
    assert r"a 'x\nerror: \x1b[2J\u202e' file" in refusal(store.read, model, "model")


def test_groups_within_each_other_without_end(model):
    def change(file):
        group = file
        for _ in range(2_000):
            group = group.create_group("g")

    assert "nests groups more than 8 deep" in refusal(store.read, by_hand(model, change), "model")


def test_groups_that_hold_themselves_are_read_once(model):
    def change(file):
        for name in "abcdefgh":
            file[f"weights/{name}"] = file["weights"]
            file[name] = file

    assert deployed.read(by_hand(model, change)).network.sizes == (4, 3, 1)


def test_one_array_under_many_names_counts_as_often(tmp_path, monkeypatch):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["images"] = np.zeros(2**18, np.float32)
        file["labels"] = file["images"]
    monkeypatch.setattr("reconstruction.machine.devices.free_memory", lambda: 3 * 2**19)
    assert len(read(str(tmp_path / "a.h5"))) == 2**18
    with pytest.raises(UserError, match="to read its arrays takes"), arrays.opened(str(tmp_path / "a.h5")) as opened:
        opened.read(["images", "labels"])


def test_texts_of_any_length(tmp_path, monkeypatch):
    path, names = str(tmp_path / "a.h5"), ["ant", "bee", "ü" * 900, ""]
    with h5py.File(path, "w") as file:
        file["class_names"] = names
    assert read(path, "class_names").tolist() == names
    monkeypatch.setattr(hdf5, "TEXT", 1000)
    assert read(path, "class_names").tolist() == names
    monkeypatch.setattr(hdf5, "TEXT", 800)
    assert "is of texts too long" in refusal(read, path, "class_names")
    monkeypatch.setattr(hdf5, "TEXTS", 3)
    assert "no list of at most 3 texts" in refusal(read, path, "class_names")


VALUES = st.one_of(
    st.none(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(),
    st.text(max_size=20).filter(lambda text: "\0" not in text),
    st.binary(min_size=1, max_size=20).map(np.bytes_).filter(len),
    st.sampled_from([np.zeros((2, 0)), np.zeros(2, "f4, i4"), h5py.Empty("S3"), h5py.Empty("i8"), np.zeros(2, bool)]),
    st.recursive(st.none() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=5)
    .map(lambda value: np.bytes_(str(value).encode(errors="replace") or b"x"))
    .filter(len),
)  # fmt: skip


def fuzz(folder, changes):
    path = write_model(folder / "model.h5")

    def change(file):
        for name, value in changes.items():
            del file.attrs[name]
            if value is not None:
                file.attrs[name] = value

    by_hand(path, change)
    for reading in (deployed.read, lambda path: glance(path, "model")):
        succeed_or_refuse(reading, path)


QUIET = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
CHANGES = st.dictionaries(st.sampled_from([*store.LABELS, "format_version"]), VALUES, min_size=1)


@settings(max_examples=40, deadline=10_000, suppress_health_check=QUIET)
@given(changes=CHANGES)
def test_any_attributes(tmp_path, changes):
    fuzz(tmp_path, changes)


@pytest.mark.slow
@settings(max_examples=400, deadline=10_000, suppress_health_check=QUIET)
@given(changes=CHANGES)
def test_any_attributes_at_length(tmp_path, changes):
    fuzz(tmp_path, changes)
