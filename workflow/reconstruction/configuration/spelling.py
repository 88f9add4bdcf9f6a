"""YAML as people mean it: what would be read otherwise than it is written, or without end, is refused.

YAML takes 010 for eight, 12:30 for 750, 2024-01-01 for a date, and the last of two equal keys; text is looked through
before anything is made of it, so that what refers to itself or grows by references costs neither time nor memory.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from ..errors import UserError, reason

LARGEST = 200_000  # bytes of text
DEEPEST = 50  # sections within sections
MOST = 20_000  # values, with every reference written out
AS_WRITTEN = {  # what YAML takes for a number or a date, and how such a one is spelt that is meant as one
    "int": re.compile(r"-?(0|[1-9][0-9]{0,17})"),
    "float": re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?|[-+]?\.(inf|nan)", re.IGNORECASE),
    "timestamp": re.compile("(?!)"),
}


@dataclass
class Collection:
    """A section or a list that has begun and not ended."""

    anchor: str | None
    keys: set[str] | None  # of a section, those so far
    before: int  # values in all when it began
    is_key_next: bool = True


@dataclass
class Spelling:
    """What has been seen of a text so far."""

    open: list[Collection] = field(default_factory=list)
    sizes: dict[str, int | None] = field(default_factory=dict)  # of what an anchor names; None until that has ended
    values: int = 0

    def see(self, event: yaml.Event) -> None:
        """Go on by one event; raises UserError without saying where."""
        if isinstance(event, yaml.CollectionStartEvent):
            _no_tag(event)
            keys: set[str] | None = set() if isinstance(event, yaml.MappingStartEvent) else None
            self.open.append(Collection(event.anchor, keys, self.values))
            self._name(event.anchor, None)
            if len(self.open) > DEEPEST:
                raise UserError(f"sections lie more than {DEEPEST} deep in each other", "settings need no ten")
        elif isinstance(event, yaml.CollectionEndEvent):
            ended = self.open.pop()
            self._name(ended.anchor, self.values - ended.before + 1)
            self._count(1)
        elif isinstance(event, yaml.ScalarEvent):
            _no_tag(event)
            self._check_key(event.value)
            _check_scalar(event)
            self._name(event.anchor, 1)
            self._count(1)
        elif isinstance(event, yaml.AliasEvent) and event.anchor:
            size = self.sizes.get(event.anchor, 0)
            if size is None:
                raise UserError(f"*{event.anchor} is part of itself", "write out what it stands for")
            self._count(size)

    def _name(self, anchor: str | None, size: int | None) -> None:
        if anchor is not None:
            self.sizes[anchor] = size

    def _check_key(self, text: str) -> None:
        section = self.open[-1] if self.open else None
        if section and section.keys is not None and section.is_key_next:
            if text in section.keys:
                raise UserError(f"the key {shown(text)} is there twice", "leave one")
            section.keys.add(text)

    def _count(self, values: int) -> None:
        """One more value, or key, of the section or list that is open has ended."""
        self.values += values
        if self.values > MOST:
            raise UserError(f"there are more than {MOST} values, references written out", "give fewer")
        if self.open:
            self.open[-1].is_key_next = not self.open[-1].is_key_next


def text_of(path: Path) -> str:
    """The text of a file of settings, looked through; raises UserError."""
    try:
        if path.exists() and not path.is_file():
            raise UserError(f"{path}: no regular file", "give a YAML file of settings")
        with path.open("rb") as handle:
            text = handle.read(LARGEST + 1).decode()
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({reason(error)})", "give a YAML file of settings") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not in UTF-8, from byte {error.start} on", "save it in that encoding") from None
    check(text, str(path))
    return text


def check(text: str, where: str) -> None:
    """Look a text through; raises UserError with one sentence that names the line."""
    if len(text) > LARGEST:
        raise UserError(f"{where}: more than {LARGEST} bytes", "settings are shorter; give a YAML file of them")
    spelling = Spelling()
    try:
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            try:
                spelling.see(event)
            except UserError as error:
                line = f"line {event.start_mark.line + 1}" if event.start_mark else "YAML"
                raise UserError(f"{where}: {line}: {error.problem}", error.remedy) from None
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        raise UserError(f"{where}: not YAML: {reason(error)}", "give a YAML file of settings") from None


def shown(text: str) -> str:
    """A text in quotes, or its beginning."""
    return repr(text) if len(text) <= 40 else f"{text[:20]!r}... of {len(text)} characters"


def _no_tag(event: yaml.ScalarEvent | yaml.CollectionStartEvent) -> None:
    if event.tag is not None:
        raise UserError(f"the tag {shown(event.tag)} stands before a value", "leave it out")


def _check_scalar(event: yaml.ScalarEvent) -> None:
    if any("\ud800" <= character <= "\udfff" for character in event.value):
        raise UserError(f"{shown(event.value)} has half a character", "write the whole character, without \\u")
    if not event.implicit[0]:
        return
    tag = yaml.resolver.Resolver().resolve(yaml.ScalarNode, event.value, event.implicit)
    spelling = AS_WRITTEN.get(tag.rpartition(":")[2])
    if spelling and not spelling.fullmatch(event.value):
        raise UserError(
            f"YAML does not read {shown(event.value)} as it is written",
            "put it in quotes if it is a name, or write a plain decimal number",
        )
