"""The one exception that a stage raises for what its user can mend, and how it quotes the errors of others."""

import os


class UserError(Exception):
    """One sentence that names the file or key and says what to do."""


def reason(error: Exception) -> str:
    """What another's error says, in one line without a full stop."""
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno).lower()
    return " ".join(str(error).split()).removesuffix(".") or type(error).__name__
