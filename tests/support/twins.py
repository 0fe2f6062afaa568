"""Servers for random runs: on databases that are used again and again, with keys that no other number looks like."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import event

from bpm_server import bootstrap
from bpm_server.connectors.registry import Registry
from bpm_server.services.cluster_variables import ClusterVariables
from bpm_server.services.definitions import Definitions
from bpm_server.services.hot import HotInstances
from bpm_server.settings import Settings
from bpm_server.store.database import Database
from bpm_server.store.tables import db
from bpm_server.store.tables.server import server_state
from tests.support.product import START, Product
from tests.support.snapshot import FIRST_KEY

if TYPE_CHECKING:
    from pathlib import Path


def disposable(url: str) -> Database:
    """A database that need not outlive the machine: nothing waits for a disk."""
    database = Database(url)

    @event.listens_for(database.engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        if database.is_sqlite:
            connection.execute("PRAGMA synchronous = OFF")
        else:
            connection.execute("SET synchronous_commit = off")
            connection.commit()

    return database


def empty(database: Database) -> None:
    """Deletes every row but that of the server's state."""
    with database.write() as connection:
        for table in db.metadata.tables.values():
            if table is not server_state:
                connection.execute(table.delete())
        connection.execute(server_state.update().values(definition_version=0, identity_version=0))
        connection.commit()


class Twin:
    """One of two servers that go through the same.

    Attributes:
        restarts: After every command the server is another one: it finds nothing but the database.
    """

    def __init__(self, database: Database, folder: Path, *, restarts: bool = False) -> None:
        self.restarts = restarts
        self.database = database
        self._settings = Settings(data_dir=folder, secret_key="x" * 32)

    def begin(self) -> None:
        """Empties the database and starts a first server on it."""
        empty(self.database)
        self._keys = itertools.count(FIRST_KEY)
        server = bootstrap.build(self._settings, database=self.database, connectors=Registry(), take_node=False)
        keys: Any = self._keys.__next__
        self.bpm = Product(replace(server, new_key=keys))
        self.bpm.clock.set(START)

    def commanded(self) -> None:
        """A command is over."""
        if self.restarts:
            self.bpm = Product(
                replace(
                    self.bpm.server,
                    hot=HotInstances(self._settings.hot_instances),
                    definitions=Definitions(),
                    cluster_variables=ClusterVariables(),
                )
            )
