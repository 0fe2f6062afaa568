"""Where tokens of one definition are in another one, given which element becomes which."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bpm_server.engine.instance import STOPS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bpm_server.engine.definition import Definition
    from bpm_server.engine.element import Element

COMPENSATION, ENTRIES, ACTIVATED = "undo", "entries", "activated"


class Renaming:
    """A mapping of element ids between two definitions, applied to names and facts of tokens.

    What has ended (compensation, elements that stop a test run) keeps its id where it is not mapped.
    """

    def __init__(self, source: Definition, target: Definition, mapping: Mapping[str, str]) -> None:
        self.source = source
        self.target = target
        self.mapping = mapping

    def name(self, name: str) -> str:
        """The name of a token's element in the target: the id, with a mark for items, activations and so on."""
        if name == self.source.root.name:
            return str(self.target.root.name)
        element_id, mark, kind = name.partition("#")
        return f"{self.mapping.get(element_id, element_id)}{mark}{kind}"

    def element(self, name: str) -> Element | None:
        """The target's element behind a name of the source, if there is one."""
        found: Element | None = self.target.workflow_spec.task_specs.get(self.name(name))
        return found

    def __call__(self, name: str, facts: dict[str, Any] | None) -> tuple[str, dict[str, Any] | None]:
        """Name and facts of a token in the target."""
        if not facts:
            return self.name(name), facts
        new = dict(facts)
        for fact in (COMPENSATION, ENTRIES):
            if fact in new:
                new[fact] = self._entries(new[fact])
        if ACTIVATED in new:
            new[ACTIVATED] = self._id(new[ACTIVATED])
        if STOPS in new:
            new[STOPS] = [self._id(element_id) for element_id in new[STOPS]]
        return self.name(name), new

    def _id(self, element_id: str) -> str:
        return self.mapping.get(element_id, element_id)

    def _entries(self, entries: list[Any]) -> list[Any]:
        return [
            [self._id(entry[0]), self._entries(entry[1]), *entry[2:]] if len(entry) > 1 else [self._id(entry[0])]
            for entry in entries
        ]
