"""One module per noun. Importing this package makes all tables known to the metadata."""

from bpm_server.store.tables import (
    audit,
    batch_operations,
    channels,
    cluster_variables,
    connectors,
    decisions,
    definitions,
    documents,
    history,
    idempotency,
    identity,
    instances,
    jobs,
    messages,
    server,
    tasks,
)
from bpm_server.store.tables.model import db

__all__ = [
    "audit",
    "batch_operations",
    "channels",
    "cluster_variables",
    "connectors",
    "db",
    "decisions",
    "definitions",
    "documents",
    "history",
    "idempotency",
    "identity",
    "instances",
    "jobs",
    "messages",
    "server",
    "tasks",
]
