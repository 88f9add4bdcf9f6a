"""Reading settings: YAML or values in, a checked section out, or one sentence that names the key."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from typing import Any, TypeVar

import yaml
from pydantic import ValidationError

from . import configuration
from .configuration import Configuration, Section
from .errors import UserError

AnySection = TypeVar("AnySection", bound=Section)


def parse(section: type[AnySection], values: Any, where: str) -> AnySection:
    """Check values against a section; raises UserError with one sentence that names the key."""
    try:
        return section.model_validate(values)
    except ValidationError as error:
        raise UserError(f"{where}: {_sentence(section, error)}") from None


def parse_yaml(section: type[AnySection], text: str, where: str) -> AnySection:
    """parse, from YAML or JSON text."""
    try:
        values = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise UserError(f"{where}: not YAML: {' '.join(str(error).split())}") from None
    return parse(section, {} if values is None else values, where)


def _sentence(section: type[Section], error: ValidationError) -> str:
    details = error.errors(include_url=False)
    unknown = [detail for detail in details if detail["type"] == "extra_forbidden"]
    detail = (unknown or details)[0]
    path = [step for step in detail["loc"] if not (isinstance(step, str) and step in _UNION_STEPS)]
    key = ".".join(str(step) for step in path if step != "[key]") or "the configuration"
    if detail["type"] == "extra_forbidden":
        known = _known_keys()
        close = difflib.get_close_matches(str(path[-1]), known, n=1)
        return f"{key} is no known key" + (f"; did you mean {close[0]}?" if close else "; remove it")
    if detail["type"] in ("union_tag_invalid", "union_tag_not_found"):
        tag = detail["ctx"]["discriminator"].strip("'")
        if detail["type"] == "union_tag_not_found":
            return f"{key}.{tag} is missing; add it"
        return f"{key}.{tag} is {detail['ctx']['tag']!r}, which is none of {detail['ctx']['expected_tags']}"
    if detail["type"] == "missing":
        return f"{key} is missing; add it"
    message = detail["msg"].removeprefix("Value error, ")
    if "[key]" in path:
        message = "a name is letters, digits, '.', '_' and '-', and begins with a letter or digit"
    given = detail["input"]
    shown = f" (it is {given!r})" if isinstance(given, str | int | float | bool) else ""
    return f"{key}: {message[0].lower()}{message[1:]}{shown}"


_SECTIONS: tuple[type[Section], ...] = tuple(
    value for value in vars(configuration).values() if isinstance(value, type) and issubclass(value, Section)
)
_UNION_STEPS = {
    *(section.__name__ for section in _SECTIONS),
    *("faces", "npz", "mnist", "cifar10", "classes", "alternating", "random", "log-loss", "constant"),
    *("constrained-float", "float"),
}


def _known_keys() -> list[str]:
    return sorted({field.alias or name for section in _SECTIONS for name, field in section.model_fields.items()})


def load(values: Mapping[str, Any]) -> Configuration:
    """The whole configuration, from what Snakemake read; raises UserError."""
    return parse(Configuration, dict(values), "configuration")


def schema() -> str:
    """The JSON schema of the whole configuration, for editors."""
    return json.dumps(Configuration.model_json_schema(by_alias=True), indent=2) + "\n"


def describe(section: type[Section]) -> str:
    """A section's keys, defaults and meanings as lines of text, for --help."""
    lines = []
    for name, field in section.model_fields.items():
        default = "required" if field.is_required() else field.get_default()
        if isinstance(default, Section):
            default = default.to_json()
        lines.append(
            f"  {field.alias or name}: {default}" + (f"\n      {field.description}" if field.description else "")
        )
    return "\n".join(lines)
