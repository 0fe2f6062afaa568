"""Deployed processes as their files have them: names, extension properties, elements."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bpm_server.store.moments import read_moment

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bpm_server.bpmn.model import Process
    from bpm_server.services.server import Server


def models(server: Server, definition_keys: Iterable[int]) -> dict[int, Process]:
    """The processes of some definitions, by definition key; compiled ones come from the cache.

    Whoever may see a task or an instance may know how its process is drawn.
    """
    wanted = sorted(set(definition_keys))
    if not wanted:
        return {}
    with server.database.read() as connection:
        version = read_moment(connection).definition_version
        return {key: server.definitions.process(connection, version, key).definition.process for key in wanted}
