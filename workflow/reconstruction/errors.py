"""The one exception that a stage raises for what its user can mend."""


class UserError(Exception):
    """One sentence that names the file or key and says what to do."""
