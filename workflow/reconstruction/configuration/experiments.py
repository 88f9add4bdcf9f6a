"""The whole configuration: named sections, evaluation, and experiments that pick one of each."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from ..files.layout import CANDIDATES, CONTROL, MODEL, NO_IMAGES, OF_SWEEP, SCRAMBLED, result
from .datasets import Dataset, TargetLabels
from .models import AnyModel, Classification, Model
from .section import NUMBER, Count, Name, Section, Seed
from .sweeps import Sweep

OTHER_IMAGES = "other_images_"  # and a number, a control network that was trained on none of the images to judge


def _one_plain_word(image: str) -> str:
    """Snakemake hands the image to a shell as it is."""
    if not re.fullmatch(r"[A-Za-z0-9_./][A-Za-z0-9_./:@+-]*", image):
        raise ValueError("an image goes by letters, digits and _ . / : @ + - alone; choose such a path")
    return image


Image = Annotated[str, AfterValidator(_one_plain_word)]


class Evaluation(Section):
    false_positive_rate: Annotated[float, Field(gt=0, lt=1)] = Field(
        0.01, description="fraction of held-out images, or of matches with random candidates, that may pass a threshold"
    )
    ssim_threshold: Annotated[float, Field(gt=0, lt=1)] = Field(0.4, description="the published mark of a good image")
    showing: Literal["auto", "stretch", "clamp", "one-contrast"] = Field(
        "auto",
        description="of candidates as pictures; auto: clamp of the exact attack's, and on a black or white background, "
        "otherwise one-contrast",
    )
    pairs: Count = Field(30, description="best pairs in the figures")
    seed: Seed = Field(0, description="of random candidates, model inversion and the bootstrap")


class Controls(Section):
    """Searches by the same sweep that cannot find the training images: their hits are what chance and likeness give."""

    scrambled_weights: bool = Field(False, description="attack the model's own weights, scrambled")
    networks: Annotated[int, Field(ge=0, le=9), NUMBER] = Field(
        0, description="attack as many further networks, trained alike on further images of the source"
    )


class Experiment(Section):
    dataset: Name | None = Field(
        None, description="left out, a model of weights from elsewhere is inspected without images"
    )
    model: Name
    sweep: Name

    @property
    def names(self) -> dict[str, str]:
        """What fills the patterns of files/layout.py."""
        return {"dataset": self.dataset or NO_IMAGES, "model": self.model, "sweep": self.sweep}


class Configuration(Section):
    container: Image = Field(
        "envs/reconstruction.sif", description="image that every stage runs in under --sdm apptainer"
    )
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="auto: CUDA where there is a GPU")
    datasets: dict[Name, Dataset] = Field(min_length=1)
    models: dict[Name, AnyModel] = Field(min_length=1)
    sweeps: dict[Name, Sweep] = Field(min_length=1)
    evaluation: Evaluation = Evaluation()
    controls: Controls = Controls()
    experiments: list[Experiment] = Field(min_length=1)
    grid: dict[str, Annotated[list[Any], Field(min_length=1)]] = Field(
        {}, description="settings such as models.NAME.seed, each with the values that experiments are to take in turn"
    )

    @field_validator("datasets")
    @classmethod
    def _no_images_is_no_dataset(cls, value: dict[str, Dataset]) -> dict[str, Dataset]:
        if NO_IMAGES in value:
            raise ValueError(f"{NO_IMAGES} is where results without a data set go; choose another name")
        return value

    @field_validator("experiments")
    @classmethod
    def _experiments_name_sections(cls, value: list[Experiment], info: ValidationInfo) -> list[Experiment]:
        seen = set()
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
            dataset, model = (
                info.data.get(sections, {}).get(name)
                for sections, name in (("datasets", experiment.dataset), ("models", experiment.model))
            )
            classifies = isinstance(model, Model) and isinstance(model.loss, Classification)
            if classifies and dataset is not None and isinstance(dataset.labels, TargetLabels):
                raise ValueError(
                    f"experiment {index} has targets for labels, of the data set {experiment.dataset!r}, and model "
                    f"{experiment.model!r} tells classes; give it loss squared or huber"
                )
            controls = info.data.get("controls")
            if controls is not None and controls.networks and dataset is not None and dataset.takes_all:
                raise ValueError(
                    f"dataset {experiment.dataset!r} takes all images, and controls.networks need further ones; "
                    "give its amounts as numbers, or set controls.networks to 0"
                )
            if experiment in seen:
                raise ValueError(f"experiment {index} repeats an earlier one; leave it out")
            seen.add(experiment)
        return value

    def dataset(self, name: str) -> Dataset:
        """A data set by name; DATASET~k is what the k-th control network is trained on."""
        parent, _, control = name.partition(CONTROL)
        settings = self.datasets[parent]
        if not control:
            return settings
        return settings.further(int(control))

    def control_searches(self, dataset: str, model: str, sweep: str) -> dict[str, tuple[str, str]]:
        """By name, the model.h5 and candidates.h5 of an experiment's control searches."""
        return {
            name: (result(MODEL, **names), result(CANDIDATES, **names, sweep=sweep))
            for name, names in self._control_models(dataset, model).items()
        }

    def shards_of(self, sweep: str) -> str:
        """The sweep whose shards a sweep merges: the first that searches as it does, whatever merges them."""
        restarts = self.sweeps[sweep].restarts
        return next(name for name, other in self.sweeps.items() if other.restarts == restarts)

    def searches(self, experiment: Experiment) -> list[str]:
        """DATASET/MODEL/SWEEP of the shards of an experiment, and of its control searches where it has images."""
        names = {**experiment.names, "sweep": self.shards_of(experiment.sweep)}
        controls = self._control_models(names["dataset"], names["model"]).values() if experiment.dataset else ()
        return [OF_SWEEP.format(**(names | control)) for control in ({}, *controls)]

    def _control_models(self, dataset: str, model: str) -> dict[str, dict[str, str]]:
        """By name, data set and model of an experiment's control searches."""
        models = {}
        if self.controls.scrambled_weights:
            models["scrambled_weights"] = {"dataset": dataset, "model": f"{model}{SCRAMBLED}"}
        if isinstance(self.models[model], Model):
            for number in range(1, self.controls.networks + 1):
                models[f"{OTHER_IMAGES}{number}"] = {"dataset": f"{dataset}{CONTROL}{number}", "model": model}
        return models

    def models_of(self, kind: type[Section]) -> list[str]:
        """The names of the models of a kind."""
        return [name for name, model in self.models.items() if isinstance(model, kind)]

    def pattern_of(self, kind: type[Section]) -> str:
        """A regular expression of these names, which matches nothing where there are none."""
        return "|".join(map(re.escape, self.models_of(kind))) or "(?!)"
