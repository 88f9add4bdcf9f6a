"""What every section of the configuration has in common."""

from __future__ import annotations

import json
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

LONGEST_NAME = 120
FILES = (".h5", ".csv", ".html", ".md", ".tex")  # what results are called, beside folders called by names


def _no_file(name: str) -> str:
    if name.endswith(FILES):
        raise ValueError(f"a name that ends in {name[name.rindex('.') :]} would be taken for a file; choose another")
    return name


def _no_wildcard(path: str) -> str:
    if "{" in path or "}" in path:
        raise ValueError("Snakemake takes what is in braces for a wildcard; rename the file or a folder on its path")
    return path


def _no_boolean(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("give a number, not yes or no")
    return value


NUMBER = BeforeValidator(_no_boolean)
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=LONGEST_NAME), AfterValidator(_no_file)]
InputPath = Annotated[str, AfterValidator(_no_wildcard)]
Positive = Annotated[float, Field(gt=0), NUMBER]
NonNegative = Annotated[float, Field(ge=0), NUMBER]
Count = Annotated[int, Field(ge=1), NUMBER]
Jobs = Annotated[int, Field(ge=1, le=100_000), NUMBER]  # Snakemake takes minutes to plan as many
Seed = Annotated[int, Field(ge=0, lt=2**32), NUMBER]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, populate_by_name=True)

    def to_json(self) -> str:
        """The section as canonical JSON: one line, sorted keys, every default spelt out."""
        return json.dumps(self.model_dump(mode="json", by_alias=True), sort_keys=True, ensure_ascii=False)
