"""Events that wait for a condition: checked when a variable that they read has changed.

A condition fires when it is (or becomes) true: at opening, and after each change of a variable that it watches. A
filter of changes (``create``, ``update``) counts for changes only, not at opening.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bpm_server.bpmn.model import ConditionalEvent
from bpm_server.engine.outcome import ChunkNeeded
from bpm_server.engine.token import Phase
from bpm_server.engine.variables import Visible

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from bpm_server.engine.definition import Catch
    from bpm_server.engine.instance import Instance
    from bpm_server.engine.token import Token


@dataclass(frozen=True, slots=True)
class Change:
    """Variables of one scope that were set: ``create`` or ``update`` by name."""

    scope: Token
    kinds: Mapping[str, str]

    def is_one_of(self, names: Collection[str], kinds: Collection[str]) -> bool:
        """Whether one of these variables changed in one of these ways."""
        return any(name in names and kind in kinds for name, kind in self.kinds.items())


class Conditions:
    """The conditional events of one instance."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._changes: list[Change] = []
        self._fresh: list[Token] = []
        self._watching: dict[int, set[str]] = {}

    def opened(self, token: Token) -> None:
        """A token begins to watch."""
        catches = _conditional(token)
        self._watching[token.id] = {catch.event_id for catch in catches}
        self._fresh.append(token)

    def closed(self, token: Token, event_ids: tuple[str, ...] | None) -> None:
        """A token stops watching these events; None means all."""
        if event_ids is None:
            self._watching.pop(token.id, None)
        elif token.id in self._watching:
            self._watching[token.id] -= set(event_ids)

    def restore(self, token: Token) -> None:
        """A loaded token watches what its phase says."""
        if Phase.SUBSCRIBE < token.phase < Phase.END_LISTENERS and not token.recall("ending"):
            watched = {
                catch.event_id
                for catch in _conditional(token)
                if not (catch.role == "event-sub-process" and token.recall("taken-over"))
            }
            if watched:
                self._watching[token.id] = watched

    def look_again(self) -> None:
        """Conditions that may have become true while the instance was suspended count as if they began now."""
        self._changes = []
        self._fresh = [token for key in self._watching if (token := self._instance.tasks.get(key)) is not None]

    def changed(self, scope: Token, values: Mapping[str, Any]) -> None:
        """Variables of a scope are about to get these values.

        Raises:
            ChunkNeeded: an item that was not loaded may wait for that.
        """
        instance = self._instance
        if instance.unloaded and not instance.definition.watched_by_items.isdisjoint(values):
            bodies = [instance.tasks[key] for key in instance.unloaded if key in instance.tasks]
            if any(_sees(body, scope) for body in bodies):
                raise ChunkNeeded
        known = scope.data or {}
        self._changes.append(Change(scope, {name: "update" if name in known else "create" for name in values}))

    def check(self) -> bool:
        """Fires what has become true; True if something did."""
        changes, self._changes = self._changes, []
        fresh, self._fresh = self._fresh, []
        fired = False
        for key, event_ids in sorted(self._watching.items()):  # the same order in a loaded instance
            token = self._instance.tasks.get(key)
            if token is None or token.has_ended():
                self._watching.pop(key, None)
                continue
            for catch in _conditional(token):
                if catch.event_id in event_ids and self._is_due(token, catch, changes, fresh) and not token.has_ended():
                    fired = True
                    if catch.interrupting:
                        event_ids.discard(catch.event_id)
                    self._instance.waiting.trigger(token, catch.event_id, {})
        return fired

    def _is_due(self, token: Token, catch: Catch, changes: list[Change], fresh: list[Token]) -> bool:
        event = catch.event
        assert isinstance(event, ConditionalEvent)  # noqa: S101
        names = event.variables or event.condition.names
        watched = token in fresh or any(
            change.is_one_of(names, event.changes) and _sees(token, change.scope) for change in changes
        )
        if not watched:
            return False
        result = event.condition.evaluate(Visible(token), now=self._instance.now)
        return result.value is True


def _conditional(token: Token) -> list[Catch]:
    element = token.task_spec
    catches = [*element.catches.values()]
    if element.own_catch is not None:
        catches.append(element.own_catch)
    return [catch for catch in catches if isinstance(catch.event, ConditionalEvent)]


def _sees(token: Token, scope: Token) -> bool:
    at: Token | None = token
    while at is not None:
        if at is scope:
            return True
        at = at.parent
    return False
