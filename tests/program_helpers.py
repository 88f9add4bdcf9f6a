"""What the tests of programs share: small networks as torch.export saves them, and such files changed by hand."""

import io
import json
import zipfile
from functools import lru_cache

import torch
from reconstruction.models import program
from torch import nn

SHAPE = (1, 6, 6)


def convolutional(outputs=3):
    """Float32, a batch normalisation with numbers of its own in it."""
    torch.manual_seed(0)
    norm = nn.BatchNorm2d(4)
    network = nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), norm, nn.ReLU(inplace=True), nn.MaxPool2d(2), nn.Flatten(), nn.Dropout(),
        nn.Linear(36, outputs),
    )  # fmt: skip
    nn.init.uniform_(norm.weight)
    nn.init.normal_(norm.running_mean)
    nn.init.uniform_(norm.running_var, 0.5, 2)
    return network.eval()


def exported(network, *images, **options):
    """The bytes of the network's program, by default for one image of SHAPE."""
    file = io.BytesIO()
    torch.export.save(torch.export.export(network, images or (torch.zeros(1, *SHAPE),), **options), file)
    return file.getvalue()


@lru_cache
def convolutional_program(outputs=3):
    return exported(convolutional(outputs))


def saved(path, content):
    path.write_bytes(content)
    return path


def read(path, content):
    return program.read(saved(path, content))


def rewritten(content, change):
    """An archive with its members changed as a stranger would; change: works on the bytes of members by their names."""
    members = {}
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {name.partition("/")[2]: archive.read(name) for name in archive.namelist()}
    change(members)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, member in members.items():
            archive.writestr(f"network/{name}", member)
    return file.getvalue()


def with_json(content, member, change):
    """The same with a member of JSON changed."""

    def rewrite(members):
        document = json.loads(members[member])
        change(document)
        members[member] = json.dumps(document).encode()

    return rewritten(content, rewrite)
