"""Models: networks to train, and weights from elsewhere to adopt."""

from __future__ import annotations

import math
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator

from .section import NUMBER, Count, InputPath, NonNegative, Positive, Section, Seed


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
    weight_decay: NonNegative = Field(
        0.0, description="added to the loss: weight_decay / 2 times the weights' squared norm"
    )
    target_loss: NonNegative = Field(
        1e-10,
        description="stop when the mean logistic loss is this small; under weight decay settling begins there, "
        "at 1 to 10 times weight_decay",
    )
    steps: Count = Field(100_000, description="stop after this many steps at the latest")
    precision: Literal["float32", "float64"] = Field("float32", description="of the matrix products")


ActivationName = Literal["relu", "leaky-relu", "gelu", "tanh", "silu"]  # GELU by erf


class Activated(Section):
    activation: ActivationName = Field("relu", description="of the hidden layers")
    negative_slope: Annotated[float, Field(gt=0, lt=1), NUMBER] | None = Field(
        None, description="of leaky-relu; without it 0.01, as PyTorch has it"
    )

    @model_validator(mode="after")
    def _a_slope_is_of_leaky_relu(self) -> Self:
        if self.negative_slope is not None and self.activation != "leaky-relu":
            raise ValueError(f"negative_slope is of leaky-relu, and activation is {self.activation}; leave it out")
        return self


class Classification(Section):
    """Labels are classes: the logistic loss of two, cross entropy of several."""

    kind: Literal["classification"] = "classification"


class Squared(Section):
    """Labels are targets: half the squared difference of output and target."""

    kind: Literal["squared"]
    delta: ClassVar[float] = math.inf


class Huber(Section):
    """The same up to a difference of delta, and linear beyond."""

    kind: Literal["huber"]
    delta: Positive = 1.0


Loss = Annotated[Classification | Squared | Huber, Field(discriminator="kind")]


class Model(Activated):
    hidden: list[Count] = Field([1000, 1000], min_length=1, description="sizes of the hidden layers")
    biases: Literal["first-layer", "every-layer"] = Field("first-layer", description="which layers have a bias")
    first_layer_scale: Positive = Field(1e-4, description="standard deviation of the first layer's initial values")
    seed: Seed = Field(0, description="of the initial weights")
    loss: Loss = Classification()
    training: Training = Training()

    @model_validator(mode="after")
    def _a_regression_decays(self) -> Model:
        if not isinstance(self.loss, Classification) and not self.training.weight_decay:
            raise ValueError(
                f"with loss {self.loss.kind} the weights are a sum over the training images under weight decay only; "
                "set training.weight_decay, 0.001 for one"
            )
        return self


class Layer(Section):
    weight: str = Field(description="name of the weight matrix, (outputs, inputs)")
    bias: str | None = Field(None, description="name of the bias")


class BatchNormalisation(Section):
    """What a checkpoint does not tell of batch normalisations; all have the same."""

    place: Literal["auto", "before-activation", "after-activation"] = Field(
        "auto",
        description="of those between two linear layers; auto: as far as names and numbers of modules tell",
    )
    eps: Positive = Field(1e-5, description="that is added to the variance")


def _kind(value: object) -> str:
    return "path" if isinstance(value, str) else "each" if isinstance(value, list | tuple) else "number"


Number = Annotated[float, NUMBER]
Mean = Annotated[
    Annotated[Number, Tag("number")] | Annotated[list[Number], Tag("each")] | Annotated[InputPath, Tag("path")],
    Discriminator(_kind),
]
Spread = Annotated[float, Field(ge=1e-6), NUMBER]
Std = Annotated[
    Annotated[Spread, Tag("number")] | Annotated[list[Spread], Tag("each")] | Annotated[InputPath, Tag("path")],
    Discriminator(_kind),
]


class AdoptedModel(Activated):
    """Weights that were trained elsewhere; the network's inputs are (image - mean) / std, image in [0, 1], or those of
    vectors."""

    weights: InputPath = Field(
        description="PyTorch checkpoint (.pt, .pth, .ckpt), .safetensors, the .index.json of several, or a model.h5 of "
        "this program"
    )
    entry: str | None = Field(None, description="where in the file the weights are, of a file with several networks")
    input_shape: list[Count] | None = Field(
        None, min_length=1, max_length=3, description="[C, H, W], or [D] of vectors; a model.h5 brings its own"
    )
    input_order: Literal["CHW", "HWC"] = Field("CHW", description="in which images were flattened")
    mean: Mean = Field(
        0.0, description="a number, one for each channel or coordinate, or an NPY file of the mean image or vector"
    )
    std: Std = Field(1.0, description="a number, one for each channel or coordinate, or of vectors an NPY file")
    layers: list[Layer] | None = Field(
        None, min_length=2, description="first to last, where names and order in the file do not tell"
    )
    loss: Loss = Field(Classification(), description="that the network was trained by")
    batch_norm: BatchNormalisation = BatchNormalisation()

    @model_validator(mode="after")
    def _the_file_or_the_keys_describe_the_input(self) -> AdoptedModel:
        if self.weights.lower().endswith(".h5"):
            for name in (
                "entry",
                "input_shape",
                "activation",
                "negative_slope",
                "input_order",
                "mean",
                "std",
                "layers",
                "loss",
                "batch_norm",
            ):
                if getattr(self, name) != type(self).model_fields[name].default:
                    raise ValueError(
                        f"{name} is part of a model.h5 already; leave it out, or save the weights of another "
                        "program's file as .safetensors"
                    )
        elif self.input_shape is None:
            raise ValueError("input_shape is missing; add it as [C, H, W], or as [D] of vectors")
        elif len(self.input_shape) == 1:
            if self.input_order != "CHW":
                raise ValueError("input_order is of images, and input_shape is that of vectors; leave it out")
            self._has_one_for_each("coordinates")
        elif len(self.input_shape) == 2:
            raise ValueError("input_shape has two numbers; give it as [C, H, W], or as [D] of vectors")
        elif self.input_shape[0] not in (1, 3):
            raise ValueError(f"input_shape has {self.input_shape[0]} channels; give it as [C, H, W] with C 1 or 3")
        else:
            self._has_one_for_each("channels")
            if isinstance(self.std, str):
                raise ValueError("std is a file, which only vectors have; give a number, or one for each channel")
            if not isinstance(self.mean, str):
                for value in self.mean if isinstance(self.mean, list) else [self.mean]:
                    if not 0 <= value <= 1:
                        raise ValueError(f"mean is {value:g}, and images are in 0 .. 1; scale it as they are")
        return self

    def _has_one_for_each(self, what: str) -> None:
        for name in ("mean", "std"):
            value, count = getattr(self, name), (self.input_shape or [0])[0]
            if isinstance(value, list) and len(value) != count:
                raise ValueError(f"{name} has {len(value)} numbers for {count} {what}; give one for each")

    @property
    def input_files(self) -> list[str]:
        """The NPY files of mean and std, as far as they are files."""
        return [value for value in (self.mean, self.std) if isinstance(value, str)]


def _kind_of_model(value: object) -> str:
    return (
        "adopted" if isinstance(value, AdoptedModel) or (isinstance(value, dict) and "weights" in value) else "trained"
    )


AnyModel = Annotated[
    Annotated[Model, Tag("trained")] | Annotated[AdoptedModel, Tag("adopted")], Discriminator(_kind_of_model)
]
