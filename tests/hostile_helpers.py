"""What the tests of files from outside share: files made by hand, and the one sentence that refuses them."""

import zlib

import h5py
import numpy as np
import pytest
from reconstruction.errors import UserError
from reconstruction.files import store


def refusal(read, *arguments):
    """The sentence that refuses what another may have made of a file."""
    with pytest.raises(UserError) as caught:
        read(*arguments)
    sentence = str(caught.value)
    assert sentence.isprintable()
    return sentence


def succeed_or_refuse(read, *arguments):
    """Read what may be wrong: anything but one sentence is an error of the test."""
    try:
        return read(*arguments)
    except UserError as error:
        sentence = str(error)
    if not sentence.isprintable():
        raise AssertionError(sentence)
    return None


def write_model(path):
    """A model.h5 that is in order: 4 inputs, 3 hidden units."""
    arrays = {
        "weights/1": np.ones((3, 4), np.float32),
        "weights/2": np.ones((1, 3), np.float32),
        "mean": np.full((1, 2, 2), 0.5, np.float32),
        "std": np.ones((1, 1, 1), np.float32),
        "activation": np.asarray("relu"),
    }
    store.write(path, "model", arrays, settings_json="{}")
    return path


def by_hand(path, change):
    """Change a file of this program as a stranger would, and seal it as the program does."""
    with h5py.File(path, "r+") as file:
        change(file)
    path.write_bytes(store.seal(memoryview(bytearray(path.read_bytes()))))
    return path


def endless(file, name):
    """A data set that claims 4 TiB and stores next to nothing."""
    file.create_dataset(name, (2**20, 2**20), "f4", chunks=(1, 1024), compression="gzip")[0, 0] = 1


def one_endless_chunk(file, name):
    """A small data set that 2 GiB would have to be made room for."""
    made = file.create_dataset(name, (4, 4), "f4", maxshape=(None, None), chunks=(2**15, 2**14), compression="gzip")
    made.id.write_direct_chunk((0, 0), zlib.compress(bytes(99)))


def compressed_twice(file, name):
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_chunk((1024,))
    properties.set_deflate(9)
    properties.set_deflate(9)
    space = h5py.h5s.create_simple((1024,))
    h5py.h5d.create(file.id, name.encode(), h5py.h5t.NATIVE_FLOAT, space, properties).write(
        h5py.h5s.ALL, h5py.h5s.ALL, np.zeros(1024, np.float32)
    )


def in_another_file(file, name):
    """Raw storage in a file that would be read."""
    file.create_dataset(name, (4,), "f4", external=[("secret", 0, 16)])


def virtual(file, name):
    """One without a limit: its shape alone is that of what lies elsewhere."""
    layout = h5py.VirtualLayout((4,), "f4", maxshape=(None,))
    source = h5py.VirtualSource("secret", "data", (4,), maxshape=(None,))
    layout[0 : h5py.h5s.UNLIMITED] = source[0 : h5py.h5s.UNLIMITED]
    file.create_virtual_dataset(name, layout)


def opaque(file, name):
    file[name] = np.zeros(2, np.dtype("V4"))


DATA_SETS = {
    "raw storage elsewhere": (in_another_file, "keeps its values in another file"),
    "virtual": (virtual, "keeps its values in another file"),
    "external link": (lambda file, name: file.__setitem__(name, h5py.ExternalLink("secret", "data")), "is a link"),
    "soft link": (lambda file, name: file.__setitem__(name, h5py.SoftLink("/elsewhere/images")), "is a link"),
    "named type": (lambda file, name: file.__setitem__(name, np.dtype("f4")), "is a datatype, no array"),
    "empty": (lambda file, name: file.__setitem__(name, h5py.Empty("f4")), "is empty"),
    "compound": (lambda file, name: file.__setitem__(name, np.zeros(2, "f4, i4")), "is of another type"),
    "complex": (lambda file, name: file.__setitem__(name, np.zeros(2, complex)), "is of another type"),
    "opaque": (opaque, "is of another type"),
    "lists": (lambda file, name: file.create_dataset(name, (2,), h5py.vlen_dtype("f4")), "is of another type"),
    "references": (lambda file, name: file.create_dataset(name, (2,), h5py.ref_dtype), "is of another type"),
    "enumeration": (
        lambda file, name: file.create_dataset(name, (2,), h5py.enum_dtype({"a": 0, "b": 7})),
        "is of another type",
    ),
    "no UTF-8": (lambda file, name: file.__setitem__(name, np.array([b"\xff\xfe"])), "codec can't decode"),
    "terabytes": (endless, "claims 4194304.0 MiB and stores"),
    "terabytes of nothing": (lambda file, name: file.create_dataset(name, (2**40,), "f4"), "and stores 0 bytes"),
    "one endless chunk": (one_endless_chunk, "claims 2048.0 MiB and stores"),
    "compressed twice": (compressed_twice, "is compressed twice"),
}
