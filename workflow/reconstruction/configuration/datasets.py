"""Data sets: where images come from, their labels, and which are drawn."""

from __future__ import annotations

import unicodedata
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from .section import NUMBER, Count, InputPath, Section, Seed


class Faces(Section):
    """The 100 face photographs (25 x 25, grey) of scikit-image's LFW subset; all of class 0."""

    kind: Literal["faces"]


class ImageFile(Section):
    """An NPZ or HDF5 file of `images`, (N, H, W) or (N, H, W, C), uint8 or float in [0, 1], and integer `labels` (N,).

    For the rule targets it has numbers, `targets` (N,), with or without labels.
    With `class_names`, a list of texts, class k has the name in place k.
    """

    kind: Literal["file"]
    path: InputPath = Field(description="file that training and held-out images come from")
    test_path: InputPath | None = Field(
        None, description="file of test images; without it the held-out images are tested"
    )


class ImageFolder(Section):
    """A folder with a folder of PNG, JPEG, ... files for each class, named like it; all grey or all RGB, of one size.

    Its order is class by class, then by file name: with several classes on a side, a seeded draw mixes them.
    """

    kind: Literal["folder"]
    path: InputPath = Field(description="folder that training and held-out images come from")
    test_path: InputPath | None = Field(
        None, description="folder of test images, with the same classes; without it the held-out images are tested"
    )
    turn: bool = Field(True, description="turn images as their orientation tags say; torchvision does not")


class Torchvision(Section):
    """A torchvision data set in its original files under a local root."""

    kind: Literal["mnist", "fashion-mnist", "cifar10", "cifar100"]
    root: str = Field(description="folder of MNIST/raw, FashionMNIST/raw, cifar-10-batches-py or cifar-100-python")
    download: bool = Field(False, description="let torchvision fetch what is missing")


Source = Annotated[Faces | ImageFile | ImageFolder | Torchvision, Field(discriminator="kind")]


def _name_or_number(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError("a class is given by number or by name, in quotes where YAML reads it as something else")
    return unicodedata.normalize("NFC", value) if isinstance(value, str) else value


ClassName = Annotated[int | str, BeforeValidator(_name_or_number)]


class ClassLabels(Section):
    """Label -1 for the classes in `negative`, +1 for those in `positive`; the others are left out.

    A class is given by its name in the source or by its number there.
    """

    rule: Literal["classes"]
    negative: list[ClassName] = Field(min_length=1)
    positive: list[ClassName] = Field(min_length=1)

    @model_validator(mode="after")
    def _sides_are_disjoint(self) -> ClassLabels:
        for given in self.negative:
            if given in self.positive:
                raise ValueError(f"class {given} is on both sides; leave it in negative or in positive")
        return self


class AlternatingLabels(Section):
    """Labels -1, +1, -1, ... in drawing order, whatever the class: only memory can tell them."""

    rule: Literal["alternating"]


class RandomLabels(Section):
    """As many labels -1 as +1, in a seeded random order, whatever the class."""

    rule: Literal["random"]
    seed: Seed = 0


class AllLabels(Section):
    """The classes of the source, by their numbers from 0: a network with an output for each."""

    rule: Literal["all"]


class TargetLabels(Section):
    """The array `targets` of the source's file: numbers, for a network with loss squared or huber."""

    rule: Literal["targets"]


Labels = Annotated[
    ClassLabels | AlternatingLabels | RandomLabels | AllLabels | TargetLabels, Field(discriminator="rule")
]


class Dataset(Section):
    source: Source
    labels: Labels
    per_label: Count = Field(description="training images of each label; by the rule targets, of all")
    held_out_per_label: Count | None = Field(None, description="held-out images of each label; per_label by default")
    skip: Annotated[int, Field(ge=0), NUMBER] = Field(
        0, description="images of each label to pass over, in drawing order, before the training images"
    )
    draw: Literal["file-order", "seeded"] = Field("file-order", description="which images of the source to take")
    seed: Seed = Field(0, description="of a seeded draw")

    @model_validator(mode="after")
    def _targets_come_from_a_file(self) -> Dataset:
        if isinstance(self.labels, TargetLabels) and not isinstance(self.source, ImageFile):
            raise ValueError(
                f"the rule targets reads the array targets of a source of kind file, and this is {self.source.kind}; "
                "store images and targets in a file, or take another rule"
            )
        return self

    @property
    def held_out(self) -> int:
        """How many images of each label are held out."""
        return self.held_out_per_label or self.per_label
