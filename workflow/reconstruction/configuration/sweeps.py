"""Sweeps: restarts, how they search, and how their candidates are merged."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag, field_validator, model_validator

from .section import NUMBER, Count, InputPath, Jobs, NonNegative, Positive, Section, Seed

Number = Annotated[float, NUMBER]
Prior = Literal["none", "range", "total-variation", "high-pass", "spectrum"]
PRIOR_WEIGHTS: dict[Prior, float] = {"range": 1e-3, "total-variation": 1e-5, "high-pass": 1e-4, "spectrum": 1e-4}


class Uniform(Section):
    uniform: tuple[Number, Number]


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


class SearchSettings(Section):
    """How one method searches; a number is fixed, a range is drawn from for every restart."""

    iterations: Count
    learning_rate: Range = Field(description="of the candidates")
    lambda_learning_rate: Range
    initial_scale: Range = Field(description="standard deviation sigma_x of the initial candidates")
    initial_lambda: Positive = Field(
        1.0, description="largest of the initial lambdas, drawn from 0 on, or of a regression from its negative"
    )
    lambda_min: Range = Field(description="dual feasibility's lower bound of lambda")
    alpha: Range = Field(description="sharpness of the sigmoid that replaces the derivative of ReLU and LeakyReLU")
    decay: Literal["constant", "cosine"] = Field(description="of the learning rates over the iterations")
    box_weight: NonNegative = Field(description="of the pixel box, which keeps mean-subtracted pixels in -1 .. 1")
    prior: Prior = Field(
        "none", description="what else is known of pictures: pixels in 0 .. 1, or one of three kinds of smoothness"
    )
    prior_weight: NonNegative | None = Field(
        None,
        description="of the prior in the loss; by default "
        + ", ".join(f"{weight:g} of {name}" for name, weight in PRIOR_WEIGHTS.items()),
    )
    prior_begins: Annotated[float, Field(ge=0, lt=1), NUMBER] = Field(
        0.0, description="share of the iterations that are done before it counts"
    )
    prior_ends: Annotated[float, Field(gt=0, le=1), NUMBER] = Field(
        1.0, description="share of the iterations after which it counts no more"
    )
    prior_images: InputPath | None = Field(
        None,
        description="NPZ or HDF5 file of public images whose spectrum the prior of this name takes, by default that of "
        "pictures in general",
    )
    layer_weights: list[NonNegative] | None = Field(
        None, description="of the layers' residuals in the loss, first to last; by default 1 each"
    )

    @model_validator(mode="after")
    def _prior_is_one(self) -> SearchSettings:
        if self.prior_begins >= self.prior_ends:
            raise ValueError("prior_begins: the prior would end before it begins; let prior_ends be larger")
        if self.prior_images and self.prior != "spectrum":
            raise ValueError(
                "prior_images: only the prior spectrum looks at images; leave it out, or set prior to spectrum"
            )
        return self

    @field_validator("layer_weights")
    @classmethod
    def _some_layer_counts(cls, value: list[float] | None) -> list[float] | None:
        if value is not None and not any(value):
            raise ValueError("all are zero, which leaves nothing to explain; give one above zero")
        return value

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


class PublishedSearch(SearchSettings):
    """Full pixels, SGD with momentum 0.9: the ranges of Haim et al. 2022, appendix."""

    iterations: Count = 50_000
    learning_rate: Range = LogUniform(log_uniform=(1e-5, 1.0))
    lambda_learning_rate: Range = 1e-4
    initial_scale: Range = LogUniform(log_uniform=(1e-6, 0.1))
    lambda_min: Range = Uniform(uniform=(0.01, 0.5))
    alpha: Range = Uniform(uniform=(10.0, 500.0))
    decay: Literal["constant", "cosine"] = "constant"
    box_weight: NonNegative = 1.0


class SubspaceSearch(SearchSettings):
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


class ExactSearch(Section):
    """Gates read out of the weights; docs/exact.md has the method and where the defaults come from."""

    starts: Count = Field(400, description="random starts of a restart, one batch")
    iterations: Count = Field(500, description="of Douglas-Rachford")
    ridge: Positive = Field(1e-4, description="of the duals, in units of a row's mean square; more for more images")
    deflations: Annotated[int, Field(ge=0), NUMBER] = Field(
        10, description="batches in search of what is missing, once all shards are gathered"
    )
    rank: Count | None = Field(None, description="of the span of the images; by default where W_1's spectrum falls")


class Restarts(Section):
    seed: Seed = Field(0, description="of the sweep; with a restart's number it determines the restart")
    per_shard: Jobs = Field(4, description="restarts of one job, on one device")
    method: Literal["auto", "exact", "subspace", "published"] = Field(
        "auto", description="auto: the first that the weights allow, of exact, subspace and published"
    )
    candidates: Annotated[int, Field(ge=2)] = Field(
        description="images that each restart looks for, as many of each label"
    )
    precision: Literal["auto", "bfloat16", "float32", "float64"] = Field(
        "auto", description="of matrix products; auto: bfloat16 in the subspace where the device has it, or float32"
    )
    keep: Annotated[float, Field(gt=0, le=1), NUMBER] = Field(
        1.0, description="fraction of a restart's candidates of each label, those of largest norm, that its shard keeps"
    )
    trace_points: Count = Field(100, description="how often the residuals are recorded")
    exact: ExactSearch = ExactSearch()
    published: PublishedSearch = PublishedSearch()
    subspace: SubspaceSearch = SubspaceSearch()

    @property
    def files(self) -> list[str]:
        """What a search reads beside the model."""
        return [search.prior_images for search in (self.published, self.subspace) if search.prior_images]


class Merge(Section):
    similarity: Annotated[float, Field(gt=0, lt=1)] = Field(
        0.5, description="cosine of half-whitened coordinates from which two candidates are one image"
    )
    neighbours: Count = Field(40, description="nearest candidates that each candidate is compared with")


class Sweep(Section):
    shards: Jobs = Field(1, description="jobs; raising it leaves finished ones alone")
    restarts: Restarts
    merge: Merge = Merge()
