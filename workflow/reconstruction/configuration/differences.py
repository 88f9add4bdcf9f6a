"""In which settings experiments differ, whether a grid made them or a hand."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from .experiments import Configuration, Experiment
from .section import Section
from .sweeps import LogUniform, Uniform


def differences(configuration: Configuration) -> dict[Experiment, dict[str, Any]]:
    """For each experiment, its settings of which there are different values among them all.

    A setting goes by section and keys, as model.training.weight_decay; what is neither text nor number is JSON.
    """
    settings = {}
    for experiment in configuration.experiments:
        sections = {
            "dataset": configuration.datasets.get(experiment.dataset or ""),
            "model": configuration.models[experiment.model],
            "sweep": configuration.sweeps[experiment.sweep],
        }
        settings[experiment] = {key: value for name, it in sections.items() if it for key, value in _flat(it, name)}
    values: dict[str, set[Any]] = {}
    for of_one in settings.values():
        for key, value in of_one.items():
            values.setdefault(key, set()).add(value)
    return {
        experiment: {key: value for key, value in of_one.items() if len(values[key]) > 1}
        for experiment, of_one in settings.items()
    }


def _flat(section: Section, prefix: str) -> Iterator[tuple[str, Any]]:
    plain = json.loads(section.to_json())
    for name in type(section).model_fields:
        key, value = f"{prefix}.{name}", getattr(section, name)
        if isinstance(value, Section) and not isinstance(value, Uniform | LogUniform):
            yield from _flat(value, key)
        else:
            yield key, plain[name] if isinstance(value, str | int | float) else json.dumps(plain[name])
