"""What a file holds instead of what is missing, whatever it is."""

import zipfile

import h5py
import numpy as np
import pytest
from reconstruction.data.contents import MOST, contents
from reconstruction.files import arrays


def listed(path):
    with arrays.opened(str(path)) as file:
        return contents(file)


def test_arrays_of_an_npz_file_are_listed_with_their_shapes(tmp_path):
    np.savez(tmp_path / "a.npz", x_train=np.zeros((50, 8, 8)), names=np.array([{}], object), count=np.array(3))
    with zipfile.ZipFile(tmp_path / "a.npz", "a") as archive:
        archive.writestr("read me\n.txt", "no array")
    found = listed(tmp_path / "a.npz")
    assert found == "it has x_train (50, 8, 8), names (no array), count (), 'read me\\n.txt' (no array)"


def test_arrays_of_an_hdf5_file_are_listed_wherever_they_are(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["train/images"] = np.zeros((5, 8, 8))
        file["labels"] = np.zeros(5)
        file["elsewhere"] = h5py.ExternalLink("/dev/zero", "/")
    assert listed(tmp_path / "a.h5") == "it has elsewhere (no array), labels (5,), train/images (5, 8, 8)"


@pytest.mark.parametrize("count", [0, MOST, MOST + 5])
@pytest.mark.parametrize("suffix", ["npz", "h5"])
def test_many_are_not_listed_for_ever(tmp_path, suffix, count):
    path = str(tmp_path / f"a.{suffix}")
    values = {f"a{number:02}": np.zeros(2) for number in range(count)}
    if suffix == "npz":
        np.savez(path, **values)
    else:
        with h5py.File(path, "w") as file:
            for name, array in values.items():
                file[name] = array
    found = listed(path)
    assert found.count("(2,)") == min(count, MOST)
    assert found.endswith("others") == (count > MOST)
    assert ("no array at all" in found) == (count == 0)
