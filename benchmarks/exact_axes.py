"""What benchmarks/exact_curves.py varies: settings of a network, one axis at a time about the demo's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

MOMENTUM = 0.9


@dataclass(frozen=True)
class Setting:
    """optimiser: settle, this project's training, whose rate is its own and whose batch is all images; or one of
    PyTorch's, from its default initialisation, the rate falling along a cosine. steps: of settling or the optimiser.
    noise: Gaussian, in standard deviations of each parameter; rounding: of the trained weights."""

    data: str = "faces"
    images: int = 50
    width: int = 500
    seed: int = 0
    optimiser: str = "settle"
    rate: float = 0.0
    batch: int = 0
    steps: int = 3000
    weight_decay: float = 1e-3
    noise: float = 0.0
    rounding: str = "float32"

    @property
    def foldings(self) -> float:
        """By how many factors of e SGD's weight decay has shrunk what no gradient holds up."""
        return self.rate * self.weight_decay * self.steps / 2 / (1 - MOMENTUM)


@dataclass(frozen=True)
class Axis:
    """title: of what varies; value: of a setting, a number or a name; settings: from left to right."""

    title: str
    value: Callable[[Setting], float | str]
    settings: list[Setting]


def _varied(base: Setting, name: str, *values: object) -> list[Setting]:
    return [replace(base, **{name: value}) for value in values]


def _trainer(setting: Setting) -> str:
    name = {"sgd": "SGD", "adam": "Adam", "adamw": "AdamW"}[setting.optimiser]
    return f"{name}\n{setting.weight_decay:g}\n{setting.batch}"


def _rounding(setting: Setting) -> str:
    return {"float32": "fp32", "float16": "fp16", "bfloat16": "bf16"}.get(setting.rounding, setting.rounding)


DEMO = Setting()
DIGITS = Setting(data="mnist")
SGD = Setting(optimiser="sgd", rate=0.05, batch=10, steps=8000, weight_decay=5e-3)
ADAM = replace(SGD, optimiser="adam", rate=1e-3)
ADAMW = replace(SGD, optimiser="adamw", rate=2e-3, weight_decay=1.0)
TRAINERS = [
    *_varied(SGD, "batch", 50, 10, 5),
    *_varied(SGD, "weight_decay", 1e-3, 0.0),
    *_varied(ADAM, "batch", 50, 10),
    *_varied(ADAMW, "batch", 50, 10),
    replace(ADAMW, weight_decay=0.01),
]
AXES = {
    "settling": Axis(
        "settling steps", lambda it: it.steps, _varied(DEMO, "steps", 0, 100, 300, 600, 1000, 2000, 3000, 5000, 10000)
    ),
    "decay": Axis(
        "weight decay", lambda it: it.weight_decay, _varied(DEMO, "weight_decay", 1e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2)
    ),
    "noise": Axis("weight noise / std", lambda it: it.noise, _varied(DEMO, "noise", 0.0, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1)),
    "rounding": Axis("rounding", _rounding, _varied(DEMO, "rounding", "float32", "float16", "bfloat16", "int8")),
    "images": Axis("images n, faces", lambda it: it.images, _varied(DEMO, "images", 10, 20, 30, 50, 70, 90)),
    "digits": Axis("images n, MNIST", lambda it: it.images, _varied(DIGITS, "images", 20, 50, 100, 200, 300)),
    "width": Axis("hidden units h", lambda it: it.width, _varied(DEMO, "width", 50, 100, 200, 300, 500, 1000)),
    "sgd": Axis("SGD: e-foldings", lambda it: it.foldings, _varied(SGD, "steps", 1000, 2000, 4000, 8000, 16000)),
    "optimiser": Axis("optimiser, weight decay, batch", _trainer, TRAINERS),
}
