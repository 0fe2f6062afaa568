"""The errors that commands and reports raise.

A message has the form "Expected to <act on thing 'key'>, but <what was found>". The web face turns ``code``
into a status and ``details`` into members of the problem JSON (RFC 9457); nothing else knows about HTTP.
"""

from __future__ import annotations

from typing import Any, ClassVar


class BpmError(Exception):
    """Something that the caller can understand and act on."""

    code: ClassVar[str] = "internal"

    def __init__(self, message: str, /, **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.details = details

    def __str__(self) -> str:
        return self.message


class InvalidInput(BpmError):
    """The request itself is wrong; sending it again cannot help."""

    code = "invalid_input"


class TooLarge(InvalidInput):
    """What was sent is larger than this installation takes."""

    code = "too_large"


class NotSignedIn(BpmError):
    """Nobody is signed in, or the credentials are wrong."""

    code = "not_signed_in"


class Forbidden(BpmError):
    """The actor is known, but may not do this."""

    code = "forbidden"


class NotFound(BpmError):
    """No such thing, or none that the actor may see."""

    code = "not_found"


class Conflict(BpmError):
    """The thing exists, but its present state does not allow this."""

    code = "conflict"


class WrongState(Conflict):
    """The act came too late or too early."""

    code = "wrong_state"


class AlreadyExists(Conflict):
    """A thing with this key exists."""

    code = "already_exists"


class StaleVersion(Conflict):
    """Somebody changed the thing since the caller read it."""

    code = "stale_version"


class LimitExceeded(BpmError):
    """A limit on rate or amount was reached. ``retry_after`` (seconds) may be among the details."""

    code = "limit_exceeded"


class TimedOut(BpmError):
    """What was awaited has not happened yet; it goes on."""

    code = "timeout"


class Unavailable(BpmError):
    """Not now: the database, the broker or a lock is busy. ``retry_after`` (seconds) may be in the details."""

    code = "unavailable"
