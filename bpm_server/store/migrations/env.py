"""Alembic's entry: runs on the connection that ``store.migrate`` hands over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from alembic import context

from bpm_server.store.tables import db
from bpm_server.store.types import UtcDateTime

if TYPE_CHECKING:
    from alembic.autogenerate.api import AutogenContext


def render_item(kind: str, item: Any, autogen: AutogenContext) -> str | Literal[False]:
    """Writes our own column type by its short name."""
    if kind == "type" and isinstance(item, UtcDateTime):
        autogen.imports.add("from bpm_server.store.types import UtcDateTime")
        return "UtcDateTime()"
    return False


connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=db.metadata,
    render_as_batch=connection.dialect.name == "sqlite",
    compare_type=True,
    render_item=render_item,
)
with context.begin_transaction():
    context.run_migrations()
