"""One module per noun. Importing this package makes all tables known to the metadata."""

from bpm_server.store.tables import (
    batch_operations,
    connectors,
    decisions,
    definitions,
    history,
    identity,
    instances,
    jobs,
    messages,
    server,
    tasks,
)
from bpm_server.store.tables.model import db

__all__ = [
    "batch_operations",
    "connectors",
    "db",
    "decisions",
    "definitions",
    "history",
    "identity",
    "instances",
    "jobs",
    "messages",
    "server",
    "tasks",
]
