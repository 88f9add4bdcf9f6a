"""Reading settings: YAML or values in, a checked section out, or one sentence that names the key."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import ValidationError

from ..errors import UserError, reason
from . import spelling
from .experiments import Configuration
from .grid import expand
from .section import Section

AnySection = TypeVar("AnySection", bound=Section)


def parse(section: type[AnySection], values: Any, where: str) -> AnySection:
    """Check values against a section; raises UserError with one sentence that names the key."""
    try:
        return section.model_validate(values)
    except ValidationError as error:
        raise UserError(f"{where}: {_sentence(values, error)}") from None


def parse_yaml(section: type[AnySection], text: str, where: str, **given: str) -> AnySection:
    """parse, from YAML or JSON text, with further keys given."""
    spelling.check(text, where)
    try:
        values = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise UserError(f"{where}: not YAML: {reason(error)}") from None
    values = {} if values is None else values
    return parse(section, {**values, **given} if isinstance(values, dict) else values, where)


def _sentence(values: Any, error: ValidationError) -> str:
    details = error.errors(include_url=False)
    unknown = [detail for detail in details if detail["type"] == "extra_forbidden"]
    detail = (unknown or details)[0]
    path = _path(detail["loc"], values, detail["type"] == "missing")
    key = ".".join(path) or "the configuration"
    if detail["type"] == "extra_forbidden":
        known = _known_keys()
        close = [] if path[-1] in known else difflib.get_close_matches(path[-1], known, n=1)
        return f"{key} is no known key" + (f"; did you mean {close[0]}?" if close else "; remove it")
    if detail["type"] in ("union_tag_invalid", "union_tag_not_found"):
        tag = detail["ctx"]["discriminator"].strip("'")
        if detail["type"] == "union_tag_not_found":
            return f"{key}.{tag} is missing; add it"
        return f"{key}.{tag} is {detail['ctx']['tag']!r}, which is none of {detail['ctx']['expected_tags']}"
    if detail["type"] == "missing":
        return f"{key} is missing; add it"
    message = detail["msg"].removeprefix("Value error, ")
    if "[key]" in detail["loc"] and detail["type"] not in ("value_error", "string_type"):
        message = "a name is letters, digits, '.', '_' and '-', and begins with a letter or digit"
    given = detail["input"]
    if detail["type"] == "string_type":
        message = "a name or a path is meant; put it in quotes where YAML reads it as something else"
    shown = f" (it is {given!r})" if isinstance(given, str | int | float | bool) else ""
    return f"{key}: {message[0].lower()}{message[1:]}{shown}"


def _path(location: tuple[int | str, ...], values: Any, missing: bool) -> list[str]:
    """The keys that lead to an error, without the names of alternatives that pydantic puts between them.

    The last key of one that is missing is in no value.
    """
    path = []
    for step in location:
        try:
            values = values[step]
        except (KeyError, IndexError, TypeError):
            if not (missing and isinstance(values, Mapping) and step == location[-1]):
                continue
        path.append(str(step) if str(step).isprintable() else repr(step))
    return path


def _known_keys() -> list[str]:
    """The keys of all sections, which are loaded with the configuration."""
    sections, found = [Section], set()
    while sections:
        section = sections.pop()
        sections += section.__subclasses__()
        found |= {field.alias or name for name, field in section.model_fields.items()}
    return sorted(found)


def load(values: Mapping[str, Any], paths: Sequence[str | Path] = ()) -> Configuration:
    """The whole configuration, its grid written out, from what Snakemake read from these files; raises UserError."""
    for path in paths:
        spelling.text_of(Path(path))
    configuration = parse(Configuration, dict(values), "configuration")
    return parse(Configuration, expand(configuration, parse), "configuration")


def load_files(paths: Sequence[Path]) -> Configuration:
    """The whole configuration, from files laid one over the other as Snakemake lays them; raises UserError."""
    from snakemake.common.configfile import load_configfile
    from snakemake.exceptions import WorkflowError
    from snakemake.utils import update_config

    values: dict[str, Any] = {}
    for path in paths:
        spelling.text_of(path)
        try:
            update_config(values, load_configfile(path))
        except (WorkflowError, yaml.YAMLError) as error:
            raise UserError(f"{path}: cannot be read ({reason(error)})", "give a YAML file of settings") from None
    return load(values)


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
