"""``Server``: everything a command needs, put together once by bootstrap."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from bpm_server.connectors.registry import Registry
    from bpm_server.connectors.secrets import SecretBox
    from bpm_server.engine import Limits
    from bpm_server.kernel.clock import Clock
    from bpm_server.kernel.ids import KeySource
    from bpm_server.services.cluster_variables import ClusterVariables
    from bpm_server.services.definitions import Definitions
    from bpm_server.services.hot import HotInstances
    from bpm_server.services.identities import Identities
    from bpm_server.services.office_hours import Calendars
    from bpm_server.services.organisations import Organisations
    from bpm_server.settings import Settings
    from bpm_server.store.contents import ContentStores
    from bpm_server.store.database import Database


@dataclass(slots=True)
class Wakes:
    """Who is told, after a commit, that there is work: workers of this process, the broker, parked requests.

    Topics: ``jobs``, ``timers``, ``messages``, ``signals``, ``deliveries``, ``batch-operations``, ``documents``,
    ``mails``, ``pushes``, ``tasks``, ``alarms`` and ``clocks`` (of service levels); for parked requests also
    ``outside-jobs`` (an outside worker may find one) and ``instances`` (one has ended), ``person:<username>`` and
    ``group:<id>`` (their inboxes look different); for the workers of this process also the channels of new jobs
    (``job:...``).
    """

    listeners: list[Callable[[frozenset[str]], None]] = field(default_factory=list)

    def __call__(self, topics: frozenset[str]) -> None:
        for listener in list(self.listeners):
            listener(topics)


@dataclass(frozen=True, slots=True)
class Server:
    """The parts of one server process.

    Attributes:
        new_key: Source of keys, unique over all processes.
        wake: Tells workers, after a commit, that there is work.
    """

    settings: Settings
    database: Database
    clock: Clock
    new_key: KeySource
    hot: HotInstances
    definitions: Definitions
    identities: Identities
    connectors: Registry
    secrets: SecretBox
    contents: ContentStores
    cluster_variables: ClusterVariables
    organisations: Organisations
    calendars: Calendars
    limits: Limits
    wake: Wakes
