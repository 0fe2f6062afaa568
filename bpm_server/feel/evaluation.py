"""The state of one evaluation: what went wrong so far, what may still be spent, what time it is."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random, SystemRandom
from typing import TYPE_CHECKING, Any, Final, NoReturn

from bpm_server.feel.errors import Diagnostic, DiagnosticKind, Place, Stopped

if TYPE_CHECKING:
    from datetime import datetime

    from bpm_server.feel.dialects import Dialect


@dataclass(frozen=True, slots=True)
class Budget:
    """What one evaluation may spend.

    Attributes:
        steps: Loop turns, items that built-ins look at, and calls, which count as several.
        size: Items of one list, and characters of one string, that an expression may make.
        depth: Function calls inside one another.
        diagnostics: How many are kept; the first ones count, as later ones tend to follow from them.
    """

    steps: int = 5_000_000
    size: int = 2_000_000
    depth: int = 150
    diagnostics: int = 50


DEFAULT_BUDGET: Final = Budget()
_STEPS_OF_CALL: Final = 4
_STEPS_PER_ITEM: Final[dict[type, float]] = {str: 1 / 256, list: 1 / 2, dict: 1 / 2}
_SMALL: Final = 256
"""Items or characters that cost nothing more than the operation itself."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The result of an evaluation.

    Attributes:
        value: The FEEL value; null is None.
        diagnostics: Why parts of it are null, in the order in which it happened.
    """

    value: Any
    diagnostics: tuple[Diagnostic, ...] = ()


class Run:
    """One evaluation while it runs. Generated code and built-ins get it as their first argument."""

    __slots__ = (
        "_depth",
        "_limit",
        "_random",
        "_seed",
        "_steps",
        "budget",
        "diagnostics",
        "dialect",
        "host",
        "now",
    )

    def __init__(
        self,
        dialect: Dialect,
        *,
        now: datetime | None = None,
        budget: Budget = DEFAULT_BUDGET,
        seed: int | None = None,
        silent: bool = False,
    ) -> None:
        self.dialect = dialect
        self.now = now
        self.budget = budget
        self.diagnostics: list[Diagnostic] = []
        self._limit = 0 if silent else budget.diagnostics
        self._steps = budget.steps
        self._depth = 0
        self._seed = seed
        self.host: Any = None
        """What embedded constructs keep about this evaluation."""
        self._random: Random | None = None

    def random(self) -> Random:
        """Where ``uuid()`` and ``random number()`` draw from: the seed of the evaluation, or the system."""
        if self._random is None:
            self._random = SystemRandom() if self._seed is None else Random(self._seed)  # noqa: S311
        return self._random

    def fail(self, place: Place, kind: DiagnosticKind, message: str, *parts: Any) -> None:
        """Records why something is null. ``parts`` are put into the message only if it is kept."""
        if len(self.diagnostics) < self._limit:
            self.diagnostics.append(Diagnostic.at(place, kind, message.format(*parts) if parts else message))

    def mute(self) -> int:
        """Stops recording until :meth:`unmute` gets the number that this returns."""
        limit, self._limit = self._limit, 0
        return limit

    def unmute(self, limit: int) -> None:
        """Records again."""
        self._limit = limit

    def stop(self, place: Place, kind: DiagnosticKind, message: str) -> NoReturn:
        """Ends the evaluation; its result is null."""
        if self._limit:
            del self.diagnostics[self._limit - 1 :]
            self.diagnostics.append(Diagnostic.at(place, kind, message))
        raise Stopped

    def charge(self, place: Place, steps: int) -> None:
        """Spends steps before they are taken."""
        self._steps -= steps
        if self._steps < 0:
            self.stop(place, "budget", f"Expected at most {self.budget.steps} steps, but more were needed")

    def charge_for(self, place: Place, value: Any) -> None:
        """Charges for looking at the whole of a value, where it is large."""
        steps_per_item = _STEPS_PER_ITEM.get(type(value))
        if steps_per_item is not None and len(value) > _SMALL:
            self.charge(place, int(len(value) * steps_per_item))

    def check_size(self, place: Place, size: int) -> None:
        """Refuses to make a list or string that is too large."""
        if size > self.budget.size:
            self.stop(
                place,
                "budget",
                f"Expected values of at most {self.budget.size} items or characters, but one needs {size}",
            )

    def enter(self, place: Place) -> None:
        """Begins a function call; :meth:`leave` ends it."""
        self._depth += 1
        self._steps -= _STEPS_OF_CALL
        if self._depth > self.budget.depth:
            self.stop(
                place,
                "budget",
                f"Expected calls nested at most {self.budget.depth} deep, but found deeper ones",
            )
        if self._steps < 0:
            self.charge(place, 0)

    def leave(self) -> None:
        """Ends a function call."""
        self._depth -= 1


class SilentRun(Run):
    """Shared by evaluations that neither loop nor call and whose diagnostics nobody asked for.

    It holds no state, so threads may share it; what such an evaluation spends is bounded by its text.
    """

    __slots__ = ()

    def __init__(self, dialect: Dialect) -> None:
        super().__init__(dialect, silent=True)

    def charge(self, place: Place, steps: int) -> None:
        """Nothing to count."""

    def mute(self) -> int:
        return 0

    def unmute(self, limit: int) -> None:
        """Never recorded."""
