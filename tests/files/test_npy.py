"""NPY and NPZ files made by hand: success or one sentence, and never more memory than there are bytes."""

import io
import pickle
import struct
import warnings
import zipfile
import zlib

import numpy as np
import pytest
from hostile_helpers import refusal, succeed_or_refuse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from reconstruction.files import arrays, npy
from reconstruction.files.outside import reading

DATA = bytes(range(64))


def content(header, data=DATA, version=1, length=None):
    text = header if isinstance(header, bytes) else header.encode("latin-1")
    size = struct.pack("<H" if version == 1 else "<I", len(text) if length is None else length)
    return b"\x93NUMPY" + bytes([version, 0]) + size + text + data


def described(descr="'<f4'", shape="(4,)", order="False"):
    return f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}}}\n"


def from_npy(path):
    with reading(path, "write it again", Exception), path.open("rb") as handle:
        return npy.read(handle, path.stat().st_size, "the mean image")


def from_npz(path, name="images"):
    with arrays.opened(str(path)) as file:
        return file.read([name])[name]


def archived(path, written):
    """An archive of one member."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("images.npy", written)
    path.write_bytes(buffer.getvalue())
    return path


HEADERS = {
    "claims more": (
        content(described(shape="(1000,)")),
        "claims 4000 bytes, and 64 are there",
    ),
    "claims terabytes": (content(described(shape="(1099511627776, 8)")), "and 64 are there"),
    "claims beyond count": (content(described(shape=f"({'9' * 4000}, {'9' * 4000})")), "and 64 are there"),
    "a number beyond Python": (content(described(shape=f"({'9' * 5000},)")), "cannot be read"),
    "negative": (content(described(shape="(-4,)")), "has a negative length"),
    "no tuple": (content(described(shape="4")), "cannot be read"),
    "no dictionary": (content("[1, 2]\n"), "cannot be read"),
    "no Python": (content("{'descr': \n"), "cannot be read"),
    "a call": (content("__import__('os').system('touch pwned')\n"), "cannot be read"),
    "nested": (content("(" * 9000 + ")" * 900 + "\n"), "cannot be read"),
    "too long": (content(described() + " " * 20_000), "cannot be read"),
    "longer than the file": (content(described(), length=60_000), "cannot be read"),
    "gigabytes of header": (content(described(), version=2, length=2**32 - 1), "cannot be read"),
    "cut off": (content(described())[:30], "cannot be read"),
    "nothing": (b"", "cannot be read"),
    "version 3": (content(described(), version=3), "of NPY version 3.0"),
    "version 200": (content(described(), version=200), "of NPY version 200.0"),
    "objects": (content(described("'|O'"), pickle.dumps([1, 2, 3, 4])), "is of type object, not numbers"),
    "objects inside": (content(described("[('a', '|O')]")), "not numbers, booleans or text"),
    "structured": (content(described("[('\\x1b[2J\\n', '<f4')]")), "not numbers, booleans or text"),
    "complex": (content(described("'<c8'")), "is of type complex64"),
    "dates": (content(described("'<M8[s]'")), "not numbers, booleans or text"),
    "void": (content(described("'|V4'")), "not numbers, booleans or text"),
    "no bytes each": (content(described("'|S0'", f"({2**60},)")), "not numbers, booleans or text"),
    "no type": (content(described("'nosuch'")), "cannot be read"),
    "no letters": (content(described("'<U4'"), b"\xff" * 64), "letters that are none"),
    "half a letter": (content(described("'<U1'"), struct.pack("<I", 0xD800) * 4), "letters that are none"),
    "many dimensions": (content(described(shape=f"({'1,' * 100})")), "cannot be read"),
}


@pytest.mark.parametrize("case", HEADERS)
@pytest.mark.parametrize("read", [from_npy, from_npz])
def test_a_header(tmp_path, monkeypatch, read, case):
    monkeypatch.chdir(tmp_path)
    written, defect = HEADERS[case]
    path = tmp_path / "a"
    path.write_bytes(written) if read is from_npy else archived(path, written)
    sentence = refusal(read, path)
    assert sentence.startswith(f"{path}: cannot be read (")
    assert defect in sentence
    assert len(sentence) < 1000
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize("compress", [np.savez, np.savez_compressed])
def test_archives_of_numpy_itself(tmp_path, compress):
    whole = {
        "images": np.zeros((200, 30, 30)), "labels": np.arange(4), "class_names": np.array(["ant", "ü"]),
        "turned": np.asfortranarray(np.arange(6).reshape(2, 3)), "scalar": np.array(3), "empty": np.zeros((0, 3)),
    }  # fmt: skip
    compress(tmp_path / "a.npz", **whole)
    with arrays.opened(str(tmp_path / "a.npz")) as file:
        assert file.names() == list(whole)
        assert [file.shape(name) for name in whole] == [array.shape for array in whole.values()]
        found = file.read(whole)
    for name, array in whole.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].dtype == array.dtype
        assert found[name].flags.writeable


def test_an_npy_file_that_python_2_wrote(tmp_path):
    path = tmp_path / "a.npy"
    path.write_bytes(content(described(shape="(4L,)")))
    assert from_npy(path).shape == (4,)


def listed_as(path, offset, value):
    """Change the entry of an archive's only member in the list at its end."""
    whole = bytearray(path.read_bytes())
    entry = whole.rindex(b"PK\1\2")
    whole[entry + offset : entry + offset + len(value)] = value
    path.write_bytes(whole)


@pytest.mark.parametrize(
    ("offset", "value", "defect"),
    [
        (8, b"\1\0", "images.npy is encrypted"),
        (10, b"\x0c\0", "is compressed in a way that is not known"),
        (10, b"\x63\0", "is compressed in a way that is not known"),
        (20, struct.pack("<I", 9), "claims 4096.0 MiB and stores 9 bytes"),
        (42, struct.pack("<I", 10**6), "cannot be read"),
    ],
    ids=["encrypted", "bzip2", "unknown", "inflates", "elsewhere"],
)
def test_a_member(tmp_path, offset, value, defect):
    path = archived(tmp_path / "a.npz", content(described()))
    listed_as(path, 24, struct.pack("<I", 2**32 - 2))
    listed_as(path, offset, value)
    assert defect in refusal(from_npz, path)


def test_a_member_of_more_than_memory(tmp_path, monkeypatch):
    np.savez(tmp_path / "a.npz", images=np.zeros(3000))
    monkeypatch.setattr("reconstruction.machine.devices.free_memory", lambda: 9000)
    assert "to read its arrays takes 0.0 GiB" in refusal(from_npz, tmp_path / "a.npz")


def test_a_bomb(tmp_path):
    """What deflate can make of a kilobyte is read, what it cannot is not believed."""
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        archive.writestr("images.npy", content(described(shape="(1000000,)"), bytes(4 * 10**6)))
    assert not from_npz(path).any()
    listed_as(path, 24, struct.pack("<I", 2**32 - 2))
    assert "claims 4096.0 MiB and stores" in refusal(from_npz, path)


def test_an_archive_within_an_archive(tmp_path):
    np.savez(tmp_path / "inner.npz", images=np.zeros(3))
    archived(tmp_path / "a.npz", (tmp_path / "inner.npz").read_bytes())
    assert "cannot be read" in refusal(from_npz, tmp_path / "a.npz")


def test_a_damaged_member(tmp_path):
    np.savez(tmp_path / "a.npz", images=np.arange(1000))
    whole = bytearray((tmp_path / "a.npz").read_bytes())
    whole[len(whole) // 2] ^= 1
    (tmp_path / "a.npz").write_bytes(whole)
    assert "Bad CRC" in refusal(from_npz, tmp_path / "a.npz")


SOUND = content(described(shape="(4, 4)"))
LITERALS = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=5)
    | st.sampled_from(["<f4", "|O", "<U9", "|S0", ">i8"]),
    lambda inner: st.lists(inner, max_size=4) | st.tuples(inner, inner) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)
DICTIONARIES = st.fixed_dictionaries({"descr": LITERALS, "fortran_order": LITERALS, "shape": LITERALS})
WRITTEN = st.one_of(
    DICTIONARIES.map(lambda header: content(repr(header).encode(errors="replace") + b"\n")),
    st.builds(
        lambda kind, shape: content(described(repr(kind.str), repr(shape))),
        hnp.scalar_dtypes(), st.lists(st.integers(-2, 2**70), max_size=4).map(tuple),
    ),
    st.builds(content, st.binary(max_size=40), st.just(DATA), st.sampled_from([1, 2, 3]), st.integers(0, 2**16 - 1)),
    st.builds(lambda place, byte: SOUND[:place] + bytes([byte]) + SOUND[place + 1 :],
              st.integers(0, len(SOUND) - 1), st.integers(0, 255)),
    st.integers(0, len(SOUND)).map(lambda end: SOUND[:end]),
    st.binary(max_size=100),
)  # fmt: skip


def fuzz(folder, written):
    (folder / "a.npy").write_bytes(written)
    archived(folder / "a.npz", written)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for read in (from_npy, from_npz):
            array = succeed_or_refuse(read, folder / f"a.{read.__name__[5:]}")
            assert array is None or array.nbytes <= len(written)


def fuzz_archive(folder, places):
    whole = bytearray(archived(folder / "a.npz", zlib.compress(SOUND) + SOUND).read_bytes())
    for place, byte in places:
        whole[place % len(whole)] = byte
    (folder / "a.npz").write_bytes(b"PK" + whole[2:])
    succeed_or_refuse(from_npz, folder / "a.npz")


QUIET = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
PLACES = st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=4)


@settings(max_examples=60, deadline=10_000, suppress_health_check=QUIET)
@given(WRITTEN, PLACES)
def test_any_header_and_any_list_of_members(tmp_path, written, places):
    fuzz(tmp_path, written)
    fuzz_archive(tmp_path, places)


@pytest.mark.slow
@settings(max_examples=700, deadline=10_000, suppress_health_check=QUIET)
@given(WRITTEN, PLACES)
def test_any_header_and_any_list_of_members_at_length(tmp_path, written, places):
    fuzz(tmp_path, written)
    fuzz_archive(tmp_path, places)
