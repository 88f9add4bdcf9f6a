"""The configuration: defaults, checks, messages and the JSON schema, typed once.

Named sections `datasets`, `models` and `sweeps`, and `experiments` that pick one of each. Every stage
gets its own section and nothing else, so changing a value re-runs the stages that read it.
"""

from __future__ import annotations

import json
import re
from typing import Annotated, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationInfo,
    field_validator,
    model_validator,
)

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=64)]
Positive = Annotated[float, Field(gt=0)]
NonNegative = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=1)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]
Brightness = Annotated[float, Field(ge=0, le=1)]

NO_IMAGES = "no-images"  # stands for the data set where there is none


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, populate_by_name=True)

    def to_json(self) -> str:
        """The section as canonical JSON: one line, sorted keys, every default spelt out."""
        return json.dumps(self.model_dump(mode="json", by_alias=True), sort_keys=True)


# Data sets -------------------------------------------------------------------------------------------


class Faces(Section):
    """The 100 face photographs (25 x 25, grey) of scikit-image's LFW subset; all of class 0."""

    kind: Literal["faces"]


class ImageFile(Section):
    """An NPZ or HDF5 file of `images`, (N, H, W) or (N, H, W, C), uint8 or float in [0, 1], and integer `labels` (N,).

    With `class_names`, a list of texts, class k has the name in place k.
    """

    kind: Literal["file"]
    path: str = Field(description="file that training and held-out images come from")
    test_path: str | None = Field(None, description="file of test images; without it the held-out images are tested")


class ImageFolder(Section):
    """A folder with a folder of PNG, JPEG, ... files for each class, named like it; all grey or all RGB, of one size.

    Its order is class by class, then by file name: with several classes on a side, a seeded draw mixes them.
    """

    kind: Literal["folder"]
    path: str = Field(description="folder that training and held-out images come from")
    test_path: str | None = Field(
        None, description="folder of test images, with the same classes; without it the held-out images are tested"
    )


class Torchvision(Section):
    """A torchvision data set in its original files under a local root."""

    kind: Literal["mnist", "fashion-mnist", "cifar10", "cifar100"]
    root: str = Field(description="folder of MNIST/raw, FashionMNIST/raw, cifar-10-batches-py or cifar-100-python")
    download: bool = Field(False, description="let torchvision fetch what is missing")


Source = Annotated[Faces | ImageFile | ImageFolder | Torchvision, Field(discriminator="kind")]


def _name_or_number(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError("a class is given by number or by name, in quotes where YAML reads it as something else")
    return value


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


Labels = Annotated[ClassLabels | AlternatingLabels | RandomLabels, Field(discriminator="rule")]


class Dataset(Section):
    source: Source
    labels: Labels
    per_label: Count = Field(description="training images of each label; as many again are held out")
    draw: Literal["file-order", "seeded"] = Field("file-order", description="which images of the source to take")
    seed: Seed = Field(0, description="of a seeded draw")


# Models ----------------------------------------------------------------------------------------------


class LogLossSchedule(Section):
    """Steps along grad log L that lower log L by about `step` each."""

    kind: Literal["log-loss"] = "log-loss"
    step: Positive = 0.01


class ConstantSchedule(Section):
    """Plain gradient descent, as published."""

    kind: Literal["constant"]
    learning_rate: Positive = 0.01


class Training(Section):
    schedule: LogLossSchedule | ConstantSchedule = Field(LogLossSchedule(), discriminator="kind")
    target_loss: NonNegative = Field(1e-10, description="stop when the mean logistic loss is this small")
    steps: Count = Field(100_000, description="stop after this many steps at the latest")
    precision: Literal["float32", "float64"] = Field("float32", description="of the matrix products")


class Model(Section):
    hidden: list[Count] = Field([1000, 1000], min_length=1, description="sizes of the hidden layers")
    first_layer_scale: Positive = Field(1e-4, description="standard deviation of the first layer's initial values")
    seed: Seed = Field(0, description="of the initial weights")
    training: Training = Training()


class Layer(Section):
    weight: str = Field(description="name of the weight matrix, (outputs, inputs)")
    bias: str | None = Field(None, description="name of the bias; beyond the first layer it must be zero")


def _kind_of_mean(value: object) -> str:
    return "path" if isinstance(value, str) else "channels" if isinstance(value, list | tuple) else "number"


def _kind_of_std(value: object) -> str:
    return "channels" if isinstance(value, list | tuple) else "number"


Mean = Annotated[
    Annotated[Brightness, Tag("number")] | Annotated[list[Brightness], Tag("channels")] | Annotated[str, Tag("path")],
    Discriminator(_kind_of_mean),
]
Std = Annotated[
    Annotated[Positive, Tag("number")] | Annotated[list[Positive], Tag("channels")], Discriminator(_kind_of_std)
]


class AdoptedModel(Section):
    """Weights that were trained elsewhere; the network's inputs are (image - mean) / std, image in [0, 1]."""

    weights: str = Field(description="PyTorch state_dict (.pt, .pth), .safetensors, or a model.h5 of this program")
    input_shape: list[Count] | None = Field(
        None, min_length=3, max_length=3, description="[C, H, W]; a model.h5 brings its own"
    )
    mean: Mean = Field(0.0, description="a number, one for each channel, or an NPY file of the mean image")
    std: Std = Field(1.0, description="a number, or one for each channel")
    layers: list[Layer] | None = Field(
        None, min_length=2, description="first to last, where names and order in the file do not tell"
    )

    @model_validator(mode="after")
    def _the_file_or_the_keys_describe_the_input(self) -> AdoptedModel:
        if self.weights.endswith(".h5"):
            for name in ("input_shape", "mean", "std", "layers"):
                if getattr(self, name) != type(self).model_fields[name].default:
                    raise ValueError(f"{name} is part of a model.h5 already; leave it out")
        elif self.input_shape is None:
            raise ValueError("input_shape is missing; add it as [C, H, W]")
        elif self.input_shape[0] not in (1, 3):
            raise ValueError(f"input_shape has {self.input_shape[0]} channels; give it as [C, H, W] with C 1 or 3")
        else:
            for name in ("mean", "std"):
                value, channels = getattr(self, name), self.input_shape[0]
                if isinstance(value, list) and len(value) != channels:
                    raise ValueError(f"{name} has {len(value)} numbers for {channels} channels; give one for each")
        return self

    @property
    def mean_file(self) -> list[str]:
        """The NPY file of the mean image, if there is one."""
        return [self.mean] if isinstance(self.mean, str) else []


def _kind_of_model(value: object) -> str:
    return (
        "adopted" if isinstance(value, AdoptedModel) or (isinstance(value, dict) and "weights" in value) else "trained"
    )


AnyModel = Annotated[
    Annotated[Model, Tag("trained")] | Annotated[AdoptedModel, Tag("adopted")], Discriminator(_kind_of_model)
]


# Sweeps ----------------------------------------------------------------------------------------------


class Uniform(Section):
    uniform: tuple[float, float]


class LogUniform(Section):
    log_uniform: tuple[Positive, Positive] = Field(alias="log-uniform")


def _kind_of_range(value: object) -> str:
    if isinstance(value, LogUniform) or (isinstance(value, dict) and "log-uniform" in value):
        return "log-uniform"
    return "uniform" if isinstance(value, Uniform | dict) else "number"


Range = Annotated[
    Annotated[NonNegative, Tag("number")]
    | Annotated[Uniform, Tag("uniform")]
    | Annotated[LogUniform, Tag("log-uniform")],
    Discriminator(_kind_of_range),
]


class Search(Section):
    """How one method searches; a number is fixed, a range is drawn from for every restart."""

    iterations: Count
    learning_rate: Range = Field(description="of the candidates")
    lambda_learning_rate: Range
    initial_scale: Range = Field(description="standard deviation sigma_x of the initial candidates")
    lambda_min: Range = Field(description="dual feasibility's lower bound of lambda")
    alpha: Range = Field(description="sharpness of the sigmoid that replaces the ReLU's derivative")
    decay: Literal["constant", "cosine"] = Field(description="of the learning rates over the iterations")
    box_weight: NonNegative = Field(description="of the pixel box, which keeps mean-subtracted pixels in -1 .. 1")
    layer_weights: list[NonNegative] | None = Field(
        None, description="of the layers' residuals in the loss, first to last; by default 1 each"
    )

    @field_validator("learning_rate", "lambda_learning_rate", "initial_scale", "lambda_min", "alpha")
    @classmethod
    def _range_is_ordered(cls, value: Range) -> Range:
        if isinstance(value, Section):
            low, high = value.uniform if isinstance(value, Uniform) else value.log_uniform
            if low < 0:
                raise ValueError(f"the range begins below zero, at {low:g}; give one of positive numbers")
            if low > high:
                raise ValueError(f"the range runs backwards, from {low:g} to {high:g}; give the smaller end first")
        return value


class PublishedSearch(Search):
    """Full pixels, SGD with momentum 0.9: the ranges of Haim et al. 2022, appendix."""

    iterations: Count = 50_000
    learning_rate: Range = LogUniform(log_uniform=(1e-5, 1.0))
    lambda_learning_rate: Range = 1e-4
    initial_scale: Range = LogUniform(log_uniform=(1e-6, 0.1))
    lambda_min: Range = Uniform(uniform=(0.01, 0.5))
    alpha: Range = Uniform(uniform=(10.0, 500.0))
    decay: Literal["constant", "cosine"] = "constant"
    box_weight: NonNegative = 1.0


class SubspaceSearch(Search):
    """The row space of W_1, Adam with cosine decay; docs/search.md tells where the defaults come from."""

    iterations: Count = 1000
    learning_rate: Range = 0.03
    lambda_learning_rate: Range = 0.002
    initial_scale: Range = LogUniform(log_uniform=(0.06, 0.3))
    lambda_min: Range = Uniform(uniform=(0.01, 0.4))
    alpha: Range = Uniform(uniform=(30.0, 150.0))
    decay: Literal["constant", "cosine"] = "cosine"
    box_weight: NonNegative = 0.0
    rank: Count | None = Field(None, description="of the row space; by default all of W_1 above its noise")
    spectral_power: NonNegative = Field(
        0.25, description="power of W_1's singular values that initial values and steps follow; 0: all directions alike"
    )


class Restarts(Section):
    seed: Seed = Field(0, description="of the sweep; with a restart's number it determines the restart")
    per_shard: Count = Field(4, description="restarts that run as one batch on one device")
    method: Literal["auto", "published", "subspace"] = Field("auto", description="auto: subspace where W_1 allows it")
    candidates: Annotated[int, Field(ge=2)] = Field(
        description="images that each restart looks for, half of each label"
    )
    engine: Literal["fast", "reference"] = Field(
        "fast", description="reference: the published method written plainly, in float64, by autograd"
    )
    precision: Literal["auto", "bfloat16", "float32", "float64"] = Field(
        "auto", description="of matrix products; auto: bfloat16 in the subspace where the device has it, or float32"
    )
    trace_points: Count = Field(100, description="how often the residuals are recorded")
    published: PublishedSearch = PublishedSearch()
    subspace: SubspaceSearch = SubspaceSearch()

    @model_validator(mode="after")
    def _reference_is_the_published_method(self) -> Restarts:
        if self.engine == "reference" and self.method != "published":
            raise ValueError("engine reference knows the published method only; set method to published")
        if self.engine == "reference" and self.precision not in ("auto", "float64"):
            raise ValueError("engine reference computes in float64; leave precision out")
        published = PublishedSearch()
        fixed = ("decay", "box_weight", "layer_weights")
        if self.engine == "reference" and any(getattr(self.published, k) != getattr(published, k) for k in fixed):
            raise ValueError(f"engine reference is as published; leave {', '.join(fixed)} out")
        return self


class Merge(Section):
    similarity: Annotated[float, Field(gt=0, lt=1)] = Field(
        0.5, description="cosine of half-whitened coordinates from which two candidates are one image"
    )
    neighbours: Count = Field(40, description="nearest candidates that each candidate is compared with")


class Sweep(Section):
    shards: Count = Field(1, description="jobs; raising it leaves finished ones alone")
    restarts: Restarts
    merge: Merge = Merge()


# Evaluation and experiments --------------------------------------------------------------------------


class Evaluation(Section):
    false_positive_rate: Annotated[float, Field(gt=0, lt=1)] = Field(
        0.01, description="fraction of held-out images, or of scrambled candidates, that may pass an NCC threshold"
    )
    ssim_threshold: Annotated[float, Field(gt=0, lt=1)] = Field(0.4, description="the published mark of a good image")
    pairs: Count = Field(30, description="best pairs in the figures")
    seed: Seed = Field(0, description="of the scrambled candidates")


class Experiment(Section):
    dataset: Name | None = Field(
        None, description="left out, a model of weights from elsewhere is inspected without images"
    )
    model: Name
    sweep: Name


class Configuration(Section):
    container: str = Field(
        "envs/reconstruction.sif", description="image that every stage runs in under --sdm apptainer"
    )
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="auto: CUDA where there is a GPU")
    datasets: dict[Name, Dataset] = Field(min_length=1)
    models: dict[Name, AnyModel] = Field(min_length=1)
    sweeps: dict[Name, Sweep] = Field(min_length=1)
    evaluation: Evaluation = Evaluation()
    experiments: list[Experiment] = Field(min_length=1)

    @field_validator("datasets")
    @classmethod
    def _no_images_is_no_dataset(cls, value: dict[str, Dataset]) -> dict[str, Dataset]:
        if NO_IMAGES in value:
            raise ValueError(f"{NO_IMAGES} is where results without a data set go; choose another name")
        return value

    @field_validator("experiments")
    @classmethod
    def _experiments_name_sections(cls, value: list[Experiment], info: ValidationInfo) -> list[Experiment]:
        for index, experiment in enumerate(value):
            for key, sections in (("dataset", "datasets"), ("model", "models"), ("sweep", "sweeps")):
                name, known = getattr(experiment, key), info.data.get(sections, {})
                if known and name is not None and name not in known:
                    raise ValueError(
                        f"experiment {index} names the {key} {name!r}, which {sections} does not have; "
                        f"it has {', '.join(known)}"
                    )
            if experiment.dataset is None and isinstance(info.data.get("models", {}).get(experiment.model), Model):
                raise ValueError(
                    f"experiment {index} names no dataset, and model {experiment.model!r} needs one to train on; add it"
                )
            if experiment in value[:index]:
                raise ValueError(f"experiment {index} repeats an earlier one; leave it out")
        return value

    def models_of(self, kind: type[Section]) -> str:
        """A regular expression of the names of the models of a kind, which matches nothing where there are none."""
        names = [name for name, model in self.models.items() if isinstance(model, kind)]
        return "|".join(map(re.escape, names)) or "(?!)"
