"""The one exception that a stage raises for what its user can mend, and how it quotes what others wrote."""

import os
import reprlib

# Letters of a text from a file, of what a library says, and of either part of a sentence.
LONGEST_NAME, LONGEST_REASON, LONGEST = 80, 300, 4000


class UserError(Exception):
    """A problem that names the file or key, and the remedy: what to do about it. Together they make one sentence.

    Names of files and what stands in them are others' words: neither part breaks a line or steers a terminal.
    """

    def __init__(self, problem: str, remedy: str = "") -> None:
        super().__init__(problem, remedy)
        self.problem, self.remedy = in_one_line(problem), in_one_line(remedy)

    def __str__(self) -> str:
        return f"{self.problem}; {self.remedy}" if self.remedy else self.problem


def reason(error: Exception) -> str:
    """What another's error says, in one line without a full stop."""
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno).lower()
    said = " ".join(str(error).split()).removesuffix(".") or type(error).__name__
    return said if len(said) <= LONGEST_REASON else f"{said[:LONGEST_REASON]} ..."


def shown(text: str) -> str:
    """A text from a file in a sentence: as it is where that cannot be mistaken, or else in quotes, and not too long."""
    if text.isprintable() and text.strip() == text and 0 < len(text) <= LONGEST_NAME:
        return text
    shortened = reprlib.Repr()
    shortened.maxstring = LONGEST_NAME
    return shortened.repr(text)


def in_one_line(text: str) -> str:
    """A text with line breaks, and all else that is not printed as it stands, escaped; its middle left out if long."""
    line = "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)
    return line if len(line) <= LONGEST else f"{line[: LONGEST // 2]} ... {line[-LONGEST // 2 :]}"
