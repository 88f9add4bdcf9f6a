"""Templates, and how numbers stand in them."""

from __future__ import annotations

from importlib import resources
from typing import Any

import jinja2

from . import glossary

TEMPLATES = resources.files(__package__) / "templates"


def template(name: str) -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(read), autoescape=True, undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters |= {"number": number, "words": glossary.name, "control": glossary.control}
    return environment.get_template(name)


def read(name: str) -> str:
    return (TEMPLATES / name).read_text()


def number(value: Any) -> str:
    """Four digits of what is no count; a dash where there is nothing."""
    if value is None or value != value:
        return "–"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
