"""What a piece of work asks of the database: every statement that goes to the driver, and every commit."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import event

from bpm_server.store.rows import Prepared, Query

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bpm_server.store.database import Database


@dataclass
class Statements:
    """Texts in the order they were sent; a statement that ran for several rows is one text (``rows`` counts them)."""

    texts: list[str] = field(default_factory=list)
    rows: int = 0
    commits: int = 0

    def __len__(self) -> int:
        return len(self.texts)

    def __str__(self) -> str:
        return "\n".join(f"{number}. {' '.join(text.split())[:160]}" for number, text in enumerate(self.texts, 1))


@contextmanager
def counted(database: Database) -> Iterator[Statements]:
    """Counts what every thread sends while the block runs; BEGIN is not counted, COMMIT counts apart."""
    found = Statements()

    def sent(_c: Any, _cursor: Any, text: str, parameters: Any, _context: Any, many: bool) -> None:
        if not text.startswith("BEGIN"):
            found.texts.append(text)
            found.rows += len(parameters) if many else 1

    def committed(_connection: Any) -> None:
        found.commits += 1

    run, ask = Prepared.run, Query.all

    def run_prepared(prepared: Prepared, connection: Any, rows: Any) -> None:
        run(prepared, connection, rows)
        if rows:
            found.texts.append(prepared.compiled(connection).text)
            found.rows += len(rows)

    def ask_prepared(query: Query, connection: Any, **values: Any) -> Any:
        found.texts.append(query.compiled(connection).text)
        found.rows += 1
        return ask(query, connection, **values)

    Prepared.run = run_prepared  # type: ignore[method-assign]  # these go past SQLAlchemy and its events
    Query.all = ask_prepared  # type: ignore[method-assign]
    event.listen(database.engine, "before_cursor_execute", sent)
    event.listen(database.engine, "commit", committed)
    try:
        yield found
    finally:
        Prepared.run, Query.all = run, ask  # type: ignore[method-assign]
        event.remove(database.engine, "before_cursor_execute", sent)
        event.remove(database.engine, "commit", committed)
