"""Data sets: where images come from, their labels, and which are drawn."""

from __future__ import annotations

import unicodedata
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from .amounts import Amount, Skipped, added
from .section import Count, InputPath, Section, Seed

AMOUNT = "a number for all labels, one for each in their order, or all that there are"


class Faces(Section):
    """The 100 face photographs (25 x 25, grey) of scikit-image's LFW subset; all of class 0."""

    kind: Literal["faces"]


class ImageFile(Section):
    """An NPZ or HDF5 file of `images`, (N, H, W) or (N, H, W, C), uint8 or float in [0, 1], and integer `labels` (N,).

    For the rule targets it has numbers, `targets` (N,), with or without labels.
    With `class_names`, a list of texts, class k has the name in place k.
    """

    kind: Literal["file"]
    path: InputPath = Field(description="file that training images come from")
    held_out_path: InputPath | None = Field(
        None, description="file that held-out images come from; without it path, too"
    )
    test_path: InputPath | None = Field(
        None, description="file of test images; without it the held-out images are tested"
    )
    public_path: InputPath | None = Field(
        None,
        description="file of images of the same kind that are neither trained on nor sought; labels may be missing",
    )


class VectorFile(Section):
    """An NPZ or HDF5 file of `inputs` (N, D), numbers of any range, and integer `labels` (N,): embeddings, or rows.

    For the rule targets it has numbers, `targets` (N,), with or without labels.
    With `names` (N,), texts, or `images`, as a file of images has them, these stand beside a match; with `class_names`,
    a list of texts, class k has the name in place k.
    """

    kind: Literal["vectors"]
    path: InputPath = Field(description="file that training vectors come from")
    held_out_path: InputPath | None = Field(
        None, description="file that held-out vectors come from; without it path, too"
    )
    test_path: InputPath | None = Field(
        None, description="file of test vectors; without it the held-out ones are tested"
    )
    public_path: InputPath | None = Field(
        None,
        description="file of vectors that are neither trained on nor sought, of which the nearest stand beside what is "
        "found; labels may be missing",
    )


class Resize(Section):
    """Every image brought to one size by Pillow, whatever its proportions."""

    size: Annotated[list[Count], Field(min_length=2, max_length=2)] = Field(description="[H, W]")
    filter: Literal["bilinear", "bicubic", "lanczos", "box", "nearest"] = Field(
        "bilinear", description="of Pillow, which averages pixels where an image shrinks; bilinear is torchvision's"
    )


class ImageFolder(Section):
    """A folder with a folder of PNG, JPEG, ... files for each class, named like it; grey or RGB, of one size.

    Palettes, 1 bit, and alpha that is opaque throughout become grey or RGB; what would lose by that is refused.

    Its order is class by class, then by file name: with several classes on a side, a seeded draw mixes them.
    """

    kind: Literal["folder"]
    path: InputPath = Field(description="folder that training images come from")
    held_out_path: InputPath | None = Field(
        None, description="folder that held-out images come from, with the same classes; without it path, too"
    )
    test_path: InputPath | None = Field(
        None, description="folder of test images, with the same classes; without it the held-out images are tested"
    )
    public_path: InputPath | None = Field(
        None,
        description="folder of images of the same kind that are neither trained on nor sought, with any folders in it",
    )
    resize: Resize | None = Field(None, description="where images differ in size, or are too large")
    turn: bool = Field(True, description="turn images as their orientation tags say; torchvision does not")


class Torchvision(Section):
    """A torchvision data set in its original files under a local root."""

    kind: Literal["mnist", "fashion-mnist", "cifar10", "cifar100"]
    root: str = Field(description="folder of MNIST/raw, FashionMNIST/raw, cifar-10-batches-py or cifar-100-python")
    download: bool = Field(False, description="let torchvision fetch what is missing")


Source = Annotated[Faces | ImageFile | ImageFolder | VectorFile | Torchvision, Field(discriminator="kind")]


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
    """Labels -1, +1, -1, ... in drawing order, whatever the class, then what one has more: only memory tells them."""

    rule: Literal["alternating"]


class RandomLabels(Section):
    """As many labels -1 and +1 as are asked for, in a seeded random order, whatever the class."""

    rule: Literal["random"]
    seed: Seed = 0


class AllLabels(Section):
    """The classes of the source, by their numbers from 0: a network with an output for each."""

    rule: Literal["all"]
    classes: list[ClassName] | None = Field(
        None,
        min_length=3,
        description="by name or number in the source, which get labels 0, 1, 2, ... in this order, as a network's "
        "outputs have it; the others are left out",
    )

    @model_validator(mode="after")
    def _classes_differ(self) -> AllLabels:
        for place, given in enumerate(self.classes or []):
            if given in (self.classes or [])[:place]:
                raise ValueError(f"class {given} is listed twice in classes; list it once")
        return self


class TargetLabels(Section):
    """The array `targets` of the source's file: numbers, for a network with loss squared or huber."""

    rule: Literal["targets"]


Labels = Annotated[
    ClassLabels | AlternatingLabels | RandomLabels | AllLabels | TargetLabels, Field(discriminator="rule")
]


class Dataset(Section):
    source: Source
    labels: Labels
    per_label: Amount = Field(description=f"training images of each label: {AMOUNT}; by the rule targets, of all")
    held_out_per_label: Amount | None = Field(
        None, description="held-out images of each label, likewise; as per_label by default"
    )
    skip: Skipped = Field(
        0, description="images of each label to pass over, in drawing order, before the training images"
    )
    draw: Literal["file-order", "seeded"] = Field("file-order", description="which images of the source to take")
    seed: Seed = Field(0, description="of a seeded draw")

    @model_validator(mode="after")
    def _targets_come_from_a_file(self) -> Dataset:
        if isinstance(self.labels, TargetLabels) and not isinstance(self.source, ImageFile | VectorFile):
            raise ValueError(
                "the rule targets reads the array targets of a source of kind file or vectors, and this is "
                f"{self.source.kind}; store images and targets in a file, or take another rule"
            )
        return self

    @property
    def held_out(self) -> Amount:
        """How many images of each label are held out."""
        return self.held_out_per_label or self.per_label

    @property
    def holds_out_apart(self) -> bool:
        """Whether held-out images come from files of their own."""
        return getattr(self.source, "held_out_path", None) is not None

    @property
    def takes_all(self) -> bool:
        """Whether nothing is left of the images that training ones are drawn from."""
        return self.per_label == "all" or (self.held_out == "all" and not self.holds_out_apart)

    @model_validator(mode="after")
    def _amounts_fit(self) -> Dataset:
        lists = {name: getattr(self, name) for name in ("per_label", "held_out_per_label", "skip")}
        lengths = {name: len(value) for name, value in lists.items() if isinstance(value, list)}
        for name, length in lengths.items():
            if isinstance(self.labels, TargetLabels):
                raise ValueError(f"{name} has {length} numbers, and targets count as one label; give one number")
            if length != 2 and not isinstance(self.labels, AllLabels):
                raise ValueError(f"{name} has {length} numbers for the labels -1 and +1; give two")
        if len(set(lengths.values())) > 1:
            raise ValueError(f"{' and '.join(lengths)} have different numbers of labels; give one for each in all")
        if self.per_label == self.held_out == "all" and not self.holds_out_apart:
            raise ValueError(
                "per_label: all leaves nothing to hold out; add held_out_per_label or source.held_out_path"
            )
        return self

    def further(self, number: int) -> Dataset:
        """The same for a control network: drawn alike, from the images after those of this one and of the controls
        before, holding out as many as it trains on, which serve only to test its network."""
        apart = self.holds_out_apart
        before = [self.per_label] * (number if apart else 2 * number - 1) + ([] if apart else [self.held_out])
        skip = added(self.skip, *(amount for amount in before if not isinstance(amount, str)))
        return self.model_copy(update={"skip": skip, "held_out_per_label": None})
