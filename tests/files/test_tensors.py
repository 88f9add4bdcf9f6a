"""Tensors from outside: plain numbers under names that are texts, or one sentence, whatever the file was made for."""

import json
import struct
import time
import warnings
import zipfile

import numpy as np
import pytest
import torch
from hostile_helpers import refusal, succeed_or_refuse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reconstruction.files import tensors

CHECKPOINT = {"0.weight": torch.ones(3, 4), "0.bias": torch.zeros(3)}


def read(path):
    return tensors.plain(tensors.read_pytorch(path), path)


def saved(content, path, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what is quantised or sparse
        torch.save(content, path, **options)
    return path


# PyTorch files -------------------------------------------------------------------------------------------


def quantised():
    return torch.quantize_per_tensor(torch.ones(2, 2), 1.0, 0, torch.quint8)


def negated():
    return torch.imag(torch.ones(3, dtype=torch.complex64).conj())


EXOTIC = {
    "8-bit floats": (lambda: torch.ones(2, 2).to(torch.float8_e4m3fn), "is of type torch.float8_e4m3fn"),
    "8-bit exponents": (lambda: torch.ones(2, 2).to(torch.float8_e8m0fnu), "is of type torch.float8_e8m0fnu"),
    "4-bit floats": (
        lambda: torch.zeros(2, 2, dtype=torch.uint8).view(torch.float4_e2m1fn_x2),
        "is of type torch.float4_e2m1fn_x2",
    ),
    "complex": (lambda: torch.ones(2, dtype=torch.complex64), "is of type torch.complex64"),
    "bits": (lambda: torch.zeros(4, dtype=torch.uint8).view(torch.bits8), "is of type torch.bits8"),
    "nested": (lambda: torch.nested.nested_tensor([torch.ones(2), torch.ones(3)]), "no plain numbers"),
    "jagged": (
        lambda: torch.nested.nested_tensor([torch.ones(2), torch.ones(3)], layout=torch.jagged),
        "no plain numbers",
    ),
    "quantised": (quantised, "no plain numbers"),
    "sparse": (lambda: torch.eye(3).to_sparse(), "no plain numbers"),
    "compressed rows": (lambda: torch.eye(3).to_sparse_csr(), "no plain numbers"),
    "meta": (lambda: torch.empty(10**6, 10**6, device="meta"), "no plain numbers"),
    "terabytes of one number": (lambda: torch.ones(1).expand(10**7, 10**6), "no plain numbers"),
    "negated in view": (negated, "no plain numbers"),
}


@pytest.mark.parametrize("case", EXOTIC)
def test_an_exotic_tensor(tmp_path, case):
    make, defect = EXOTIC[case]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tensor = make()
    path = saved({**CHECKPOINT, "odd": tensor}, tmp_path / "a.pt")
    assert f"{path}: odd {'has ' * (defect[0] == 'n')}{defect}" in refusal(read, path)


@pytest.mark.parametrize("key", [0, 2**300, 1.5, None, b"a", ("a", ("b", 1))], ids=str)
@pytest.mark.parametrize("zipped", [True, False])
def test_a_key_that_is_no_text(tmp_path, key, zipped):
    path = saved({**CHECKPOINT, key: torch.ones(2)}, tmp_path / "a.pt", _use_new_zipfile_serialization=zipped)
    assert f"names a tensor by a value of type {type(key).__name__}, not by a text" in refusal(read, path)
    assert read(saved({**CHECKPOINT, key: 1}, path)).keys() == CHECKPOINT.keys()


def test_a_name_is_quoted(tmp_path):
    path = saved({"a\nerror: b": torch.ones(2).to(torch.complex64)}, tmp_path / "a.pt")
    assert f"{path}: 'a\\nerror: b' is of type" in refusal(read, path)


def with_pickle(path, content):
    """A PyTorch file whose pickle is another."""
    saved(CHECKPOINT, path)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, written in members.items():
            archive.writestr(name, content if name.endswith("data.pkl") else written)
    return path


START, TEXT, END = b"\x80\x02", b"X\x01\x00\x00\x00a", b"."
DOUBLED = TEXT + b"".join(b"q" + bytes([place]) + b"h" + bytes([place]) + b"\x86" for place in range(60))
PICKLES = {
    "a key of 2 ** 60 values": START + b"}" + DOUBLED + b"K\x01s" + END,
    "keys of 2 ** 60 values": START + b"}(" + DOUBLED + b"K\x01" + b"hxK\x01u".replace(b"x", b"\x3b") + END,
    "a call of 2 ** 60 values": START + DOUBLED + b")R" + END,
    "a class of 2 ** 60 values": START + DOUBLED + b")\x81" + END,
    "a key of a million tuples": START + b"}K\x01" + b"\x85" * 10**6 + b"K\x01s" + END,
    "a set of 2 ** 60 values": START + b"c__builtin__\nset\n](" + DOUBLED + b"e\x85R" + END,
    "nothing on the stack": START + b"s" + END,
    "an unknown memory": START + b"h\x09" + END,
    "no end": START + b"}",
    "no pickle": b"\xff" * 9,
}


@pytest.mark.parametrize("case", PICKLES)
@pytest.mark.parametrize("zipped", [True, False])
def test_a_pickle(tmp_path, case, zipped):
    path = tmp_path / "a.pt"
    if zipped:
        with_pickle(path, PICKLES[case])
    else:
        saved(1, path, _use_new_zipfile_serialization=False)
        whole = path.read_bytes()
        place = whole.index(b"K\x01.", whole.index(b"little_endian")) - 2
        path.write_bytes(whole[:place] + PICKLES[case] + whole[place + 5 :])
    begun = time.monotonic()
    assert "no PyTorch checkpoint" in refusal(read, path)
    assert time.monotonic() - begun < 10


@pytest.mark.parametrize("nest", [b"}" + TEXT, b"]"], ids=["dictionaries", "lists"])
def test_nested_thousands_deep(tmp_path, nest):
    depth = 30_000
    close = b"s" if nest[:1] == b"}" else b"a"
    path = with_pickle(tmp_path / "a.pt", START + nest * depth + b"N" + close * depth + END)
    content = tensors.read_pytorch(path)
    assert len(content) == 1


@pytest.mark.parametrize("zipped", [True, False])
def test_checkpoints_as_people_have_them(tmp_path, zipped):
    net = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.BatchNorm1d(3))
    optimiser = torch.optim.Adam(net.parameters())
    net(torch.ones(2, 4)).sum().backward()
    optimiser.step()
    content = {
        "model": net.state_dict(), "optimizer": optimiser.state_dict(), "history": list(range(5_000)),
        "scheduler": torch.optim.lr_scheduler.MultiStepLR(optimiser, [3, 5]).state_dict(), "shape": (1, 2, 2),
        "half": torch.ones(3).half(), "parameter": torch.nn.Parameter(torch.ones(2)), "seen": {1, 2},
        "turned": torch.ones(3, 4).t(), "part": torch.ones(10)[2:4], "rng": torch.get_rng_state(),
    }  # fmt: skip
    path = saved(content, tmp_path / "a.pt", _use_new_zipfile_serialization=zipped)
    found = tensors.read_pytorch(path)
    assert tensors.plain(found, path).keys() == {"half", "parameter", "turned", "part", "rng"}
    for name, tensor in tensors.plain(found["model"], path).items():
        assert torch.equal(tensor, net.state_dict()[name])


def test_a_program_is_called_one(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch's own format for programs is deprecated
        torch.jit.trace(torch.nn.Linear(4, 3), torch.ones(1, 4)).save(tmp_path / "a.pt")
    assert "a.pt: a TorchScript archive, which holds code" in refusal(read, tmp_path / "a.pt")


def test_a_record_that_claims_terabytes(tmp_path):
    path = saved(CHECKPOINT, tmp_path / "a.pt")
    whole = bytearray(path.read_bytes())
    entry = whole.index(b"PK\1\2", whole.index(b"PK\1\2") + 1)
    whole[entry + 24 : entry + 28] = struct.pack("<I", 2**32 - 2)
    path.write_bytes(whole)
    assert "no PyTorch checkpoint" in refusal(read, path)


def test_a_storage_that_claims_terabytes(tmp_path):
    numbers = b"\x8a\x06" + (2**40).to_bytes(6, "little")
    storage = b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpu" + numbers + b"tQ"
    rebuild = b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + b"K\x00" + numbers + b"\x85K\x01\x85\x89}tR"
    path = with_pickle(tmp_path / "a.pt", START + b"}" + TEXT + rebuild + b"s" + END)
    assert refusal(read, path).startswith(f"{path}: ")


# safetensors ---------------------------------------------------------------------------------------------


def safetensors(path, header, data=bytes(64), length=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text) if length is None else length) + text + data)
    return path


def entry(dtype="F32", shape=(4, 4), offsets=(0, 64)):
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


HEADERS = {
    "4-bit floats": ({"a": entry("F4", (8, 16))}, "type F4"),
    "6-bit floats": ({"a": entry("F6_E2M3", (256 // 3,), (0, 64))}, "a.safetensors: "),
    "8-bit exponents": ({"a": entry("F8_E8M0", (64,))}, "type F8_E8M0"),
    "8-bit floats": ({"a": entry("F8_E4M3", (64,))}, "is of type torch.float8_e4m3fn"),
    "complex": ({"a": entry("C64", (8,))}, "is of type torch.complex64"),
    "an unknown type": ({"a": entry("\x1b[2J")}, "no safetensors file"),
    "beyond the file": ({"a": entry(shape=(4, 400), offsets=(0, 6400))}, "no safetensors file"),
    "overlapping": ({"a": entry(), "b": entry()}, "no safetensors file"),
    "a gap": ({"a": entry(shape=(4,), offsets=(48, 64))}, "no safetensors file"),
    "backwards": ({"a": entry(offsets=(64, 0))}, "no safetensors file"),
    "another size": ({"a": entry(shape=(4, 5))}, "no safetensors file"),
    "an overflow": ({"a": entry(shape=(2**63, 2**63))}, "no safetensors file"),
    "negative": ({"a": entry(shape=(-4, -4))}, "no safetensors file"),
    "no tensor": ({"a": [1]}, "no safetensors file"),
    "no dictionary": ([1], "no safetensors file"),
    "no JSON": (b"{a: 1}", "no safetensors file"),
    "no UTF-8": (b'{"\xff": 1}', "no safetensors file"),
    "nested": (b'{"a":' * 50_000, "no safetensors file"),
}


@pytest.mark.parametrize("case", HEADERS)
def test_a_header(tmp_path, case):
    header, defect = HEADERS[case]
    assert defect in refusal(tensors.read_safetensors, safetensors(tmp_path / "a.safetensors", header))


@pytest.mark.parametrize("length", [0, 64, 66, 2**30, 2**63, 2**64 - 1])
def test_a_header_of_another_length(tmp_path, length):
    path = safetensors(tmp_path / "a.safetensors", {"a": entry()}, length=length)
    assert "no safetensors file" in refusal(tensors.read_safetensors, path)


def test_what_is_in_order_is_read(tmp_path):
    path = safetensors(tmp_path / "a.safetensors", {"a": entry()}, np.arange(16, dtype="<f4").tobytes())
    assert tensors.read_safetensors(path)["a"].flatten().tolist() == list(range(16))


NUMBERS = st.integers(-2, 70) | st.integers()
ENTRIES = st.fixed_dictionaries(
    {
        "dtype": st.sampled_from(["F32", "F16", "BF16", "F4", "F8_E8M0", "BOOL", "I64", "C64", "F6_E3M2"]) | st.text(),
        "shape": st.lists(NUMBERS, max_size=3),
        "data_offsets": st.lists(NUMBERS, min_size=2, max_size=2) | st.just([0, 64]),
    }
)
FILES = st.tuples(
    st.dictionaries(st.text(max_size=3), ENTRIES, max_size=3)
    | st.binary(max_size=60)
    | st.just({"a": entry("F16", (4, 8))}),
    st.none() | st.integers(0, 2**64 - 1) | st.integers(0, 99),
    st.binary(max_size=4).map(lambda more: bytes(64) + more),
)


def fuzz(folder, written):
    header, length, data = written
    succeed_or_refuse(tensors.read_safetensors, safetensors(folder / "a.safetensors", header, data, length))


QUIET = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


@settings(max_examples=100, deadline=10_000, suppress_health_check=QUIET)
@given(FILES)
def test_any_header(tmp_path, written):
    fuzz(tmp_path, written)


@pytest.mark.slow
@settings(max_examples=1_600, deadline=10_000, suppress_health_check=QUIET)
@given(FILES)
def test_any_header_at_length(tmp_path, written):
    fuzz(tmp_path, written)
