"""The errors that a participant at the keyboard may meet; only ``cli`` turns them into exit codes.

A message says what was found, where, and what to do about it.
"""

from collections.abc import Iterable


class FcnmError(Exception):
    """Base of every error that fcnm_bids raises on purpose."""


class RequestError(FcnmError):
    """The request cannot be carried out as it stands.

    Parameters
    ----------
    problems
        One line per problem; all that were found, not only the first.
    """

    def __init__(self, problems: str | Iterable[str]) -> None:
        self.problems = (problems,) if isinstance(problems, str) else tuple(problems)
        super().__init__("\n".join(self.problems))

    def __reduce__(self) -> tuple[type, tuple[tuple[str, ...]]]:
        return type(self), (self.problems,)


class FileError(RequestError):
    """A file is damaged, too large, or not what was asked for; the line names it."""


class SeedError(RequestError):
    """A coordinate table or a seed mask cannot be used; each line names its file and row."""


class RunError(FcnmError):
    """One run cannot be used; the text is the reason, as the reports will state it."""


class StoreError(FcnmError):
    """A projected run in the store is damaged, foreign, or of another format version."""


class ReplacedRunError(StoreError):
    """A projected run is another one than when the level began."""
