"""The configuration: defaults, checks, messages and the JSON schema, typed once.

Named sections `datasets`, `models` and `sweeps`, and `experiments` that pick one of each. Every stage
gets its own section and nothing else, so changing a value re-runs the stages that read it.
"""

from .amounts import Amount, Numbers, of_each
from .datasets import (
    AllLabels,
    AlternatingLabels,
    ClassLabels,
    ClassName,
    Dataset,
    Faces,
    ImageFile,
    ImageFolder,
    Labels,
    RandomLabels,
    Resize,
    Source,
    Torchvision,
    VectorFile,
)
from .experiments import OTHER_IMAGES, Configuration, Controls, Evaluation, Experiment
from .models import AdoptedModel, AnyModel, ConstantSchedule, Layer, LogLossSchedule, Mean, Model, Std, Training
from .section import Section
from .sweeps import (
    ExactSearch,
    LogUniform,
    Merge,
    PublishedSearch,
    Range,
    Restarts,
    SearchSettings,
    SubspaceSearch,
    Sweep,
    Uniform,
)

__all__ = [
    "OTHER_IMAGES",
    "AdoptedModel",
    "AllLabels",
    "AlternatingLabels",
    "Amount",
    "AnyModel",
    "ClassLabels",
    "ClassName",
    "Configuration",
    "ConstantSchedule",
    "Controls",
    "Dataset",
    "Evaluation",
    "ExactSearch",
    "Experiment",
    "Faces",
    "ImageFile",
    "ImageFolder",
    "Labels",
    "Layer",
    "LogLossSchedule",
    "LogUniform",
    "Mean",
    "Merge",
    "Model",
    "Numbers",
    "PublishedSearch",
    "RandomLabels",
    "Range",
    "Resize",
    "Restarts",
    "SearchSettings",
    "Section",
    "Source",
    "Std",
    "SubspaceSearch",
    "Sweep",
    "Torchvision",
    "Training",
    "Uniform",
    "VectorFile",
    "of_each",
]
