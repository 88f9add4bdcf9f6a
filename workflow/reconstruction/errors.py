"""The one exception that a stage raises for what its user can mend, and how it quotes the errors of others."""

import os


class UserError(Exception):
    """A problem that names the file or key, and the remedy: what to do about it. Together they make one sentence."""

    def __init__(self, problem: str, remedy: str = "") -> None:
        super().__init__(problem, remedy)
        self.problem, self.remedy = problem, remedy

    def __str__(self) -> str:
        return f"{self.problem}; {self.remedy}" if self.remedy else self.problem


def reason(error: Exception) -> str:
    """What another's error says, in one line without a full stop."""
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno).lower()
    return " ".join(str(error).split()).removesuffix(".") or type(error).__name__
