"""The database: engines, transactions, and what its errors mean.

SQLite (WAL, synchronous FULL) has one writer: a lock in the process goes before ``BEGIN IMMEDIATE``, so that
threads queue fairly instead of polling the file lock. PostgreSQL runs READ COMMITTED with row locks.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from time import perf_counter
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy import event, exc

from bpm_server.kernel import metrics
from bpm_server.kernel.errors import InvalidInput, StaleVersion, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine import Connection

_WRITER_SECONDS = metrics.LOCK_SECONDS.labels("writer")
_CONFLICTS = {"40001", "40P01"}
_BUSY = {"55P03", "57014", "53300", "53400", "57P03"}
_SQLITE_OUT = ("disk", "full", "readonly", "i/o", "unable to open")


class Database:
    """One database and the connections of this process to it."""

    def __init__(self, url: str, *, pool_size: int = 20, max_overflow: int = 10, lock_timeout_ms: int = 3_000) -> None:
        self.url = sa.make_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self._lock_timeout_ms = lock_timeout_ms
        self._pool: dict[str, Any] = {
            "pool_size": pool_size,
            "max_overflow": max_overflow,
            "pool_timeout": lock_timeout_ms / 1000,
        }
        self._writer = threading.Lock()
        self._shared = threading.local()
        self.engine = self._sqlite() if self.is_sqlite else self._postgresql()
        event.listen(self.engine, "checkout", lambda *_: metrics.CONNECTIONS.inc())
        event.listen(self.engine, "checkin", lambda *_: metrics.CONNECTIONS.dec())
        driver: Any = self.engine.dialect.loaded_dbapi
        self._driver_error: type[Exception] = driver.Error

    def _sqlite(self) -> sa.Engine:
        engine = sa.create_engine(self.url, **self._pool, connect_args={"check_same_thread": False})

        @event.listens_for(engine, "connect")
        def prepare(connection: Any, _record: Any) -> None:
            connection.isolation_level = None  # we begin transactions ourselves
            for pragma in (
                "journal_mode = WAL",
                "synchronous = FULL",
                f"busy_timeout = {self._lock_timeout_ms}",
                "cache_size = -16000",
                "temp_store = MEMORY",
            ):
                connection.execute(f"PRAGMA {pragma}")

        @event.listens_for(engine, "begin")
        def begin(connection: Connection) -> None:
            writes = connection.get_execution_options().get("bpm_writes", False)
            connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

        return engine

    def _postgresql(self) -> sa.Engine:
        options = f"-c lock_timeout={self._lock_timeout_ms} -c idle_in_transaction_session_timeout=60000"
        return sa.create_engine(
            self.url,
            **self._pool,
            pool_pre_ping=False,
            connect_args={"options": options, "connect_timeout": 5},
        )

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction for reading; always rolled back. Inside of :meth:`sharing` it is the one shared.

        Raises:
            Unavailable: the database cannot be reached or is busy.
        """
        shared: Connection | None = getattr(self._shared, "connection", None)
        if shared is not None:
            with self._explained():
                yield shared
            return
        with self._explained(), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def sharing(self, connection: Connection) -> Iterator[None]:
        """As long as the block runs, this thread reads in a transaction that is not committed yet."""
        self._shared.connection = connection
        try:
            yield
        finally:
            self._shared.connection = None

    def look(self, statement: str) -> Any:
        """The row of one small statement in the driver's own words, without a transaction around it.

        A third of the cost of :meth:`read`: one round trip instead of three on PostgreSQL.

        Raises:
            Unavailable: the database cannot be reached or is busy.
        """
        with self._explained():
            pooled = self.engine.raw_connection()
            try:
                return self._look(pooled.driver_connection, statement)
            except self._driver_error:
                pooled.invalidate()  # what is wrong is said, and mended, by the way that all others go
            finally:
                pooled.close()
        with self.read() as connection:
            return connection.exec_driver_sql(statement).one()

    def _look(self, driver: Any, statement: str) -> Any:
        if self.is_sqlite:
            return driver.execute(statement).fetchone()
        driver.autocommit = True
        found = driver.execute(statement).fetchone()
        driver.autocommit = False
        return found

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction for one command. Whoever opened it commits (see ``services.transaction``).

        Raises:
            Unavailable: the database cannot be reached, or a lock was not free in time.
            StaleVersion: another transaction got in between; try again.
        """
        if not self.is_sqlite:
            with self._explained(), self.engine.connect() as connection:
                yield connection
            return
        begun = perf_counter()
        free = self._writer.acquire(timeout=self._lock_timeout_ms / 1000)
        _WRITER_SECONDS.observe(perf_counter() - begun)
        if not free:
            message = "Expected to write to the database, but other commands were busy for too long"
            raise Unavailable(message, retry_after=1)
        try:
            with (
                self._explained(),
                self.engine.connect().execution_options(bpm_writes=True) as connection,
            ):
                yield connection
        finally:
            self._writer.release()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Turns database errors into ours; those of a pipeline come straight from the driver."""
        try:
            yield
        except exc.DBAPIError as error:
            raise _translated(error, error.orig, lost=error.connection_invalidated) from error
        except exc.TimeoutError as error:
            metrics.CONNECTIONS_REFUSED.inc()
            message = "Expected a free database connection, but all are in use"
            raise Unavailable(message, retry_after=1) from error
        except self._driver_error as error:
            raise _translated(error, error, lost=False) from error

    @contextmanager
    def committing(self, connection: Connection) -> Iterator[None]:
        """Around the last writes of a transaction: they and the commit go out in one round trip (PostgreSQL).

        Statements in the block return no rows; what fails is said at its end, at the latest. SQLAlchemy is told of
        the commit afterwards, by whoever opened the transaction.

        psycopg's own commit inside a pipeline waits for replies although some of what was written may not have been
        sent, and then waits for ever; only the end of its pipeline sends everything first (its issue 685). So the
        commit is one more statement here.
        """
        with self.sending(connection):
            yield
            if not self.is_sqlite:
                driver: Any = connection.connection.driver_connection
                driver.execute("COMMIT")

    @contextmanager
    def sending(self, connection: Connection) -> Iterator[None]:
        """Around writes that go out in one round trip (PostgreSQL), without a commit; no statement returns rows."""
        if self.is_sqlite:
            yield
            return
        driver: Any = connection.connection.driver_connection
        with driver.pipeline():
            yield

    def dispose(self) -> None:
        """Closes all connections."""
        self.engine.dispose()


def _translated(error: Exception, original: BaseException | None, *, lost: bool) -> Exception:
    code = getattr(original, "sqlstate", None) or ""
    kind = type(original).__name__
    if code in _CONFLICTS or kind in ("IntegrityError", "UniqueViolation"):
        return StaleVersion("Expected to be alone with this data, but another command changed it at the same time")
    if kind == "DataError" or code.startswith("22"):
        return InvalidInput(f"Expected values that the database can hold, but found: {original}")
    if code in _BUSY or lost or code.startswith(("08", "57P")):
        return Unavailable("Expected the database to answer, but it is busy or restarting", retry_after=1)
    if kind in ("OperationalError", "AdminShutdown", "DiskFull") or code.startswith("53"):
        text = str(original).lower()
        if "locked" in text or "busy" in text:
            return Unavailable("Expected to write to the database, but it is locked", retry_after=1)
        if not code or code.startswith("53") or any(word in text for word in _SQLITE_OUT):
            return Unavailable(f"Expected the database to work, but found: {original}", retry_after=5)
    return error
