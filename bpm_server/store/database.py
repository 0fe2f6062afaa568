"""The database: engines, transactions, and what its errors mean.

SQLite (WAL, synchronous FULL) has one writer: a lock in the process goes before ``BEGIN IMMEDIATE``, so that
threads queue fairly instead of polling the file lock. PostgreSQL runs READ COMMITTED with row locks.
"""

from __future__ import annotations

import contextlib
import threading
from contextlib import contextmanager
from time import perf_counter
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy import event, exc

from bpm_server.kernel import metrics
from bpm_server.kernel.errors import InvalidInput, StaleVersion, Unavailable
from bpm_server.store.wire import UNKNOWN_STATEMENT, PostgresWire, SqliteWire, wire_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine import Connection

_WRITER_SECONDS = metrics.LOCK_SECONDS.labels("writer")
_CONFLICTS = {"40001", "40P01", UNKNOWN_STATEMENT}
_BUSY = {"55P03", "57014", "53300", "53400", "57P03"}
OVERFLOW = 10
"""Connections beyond the size of the pool that a rush may open."""
LOG_PAGES = 4_000
"""How long SQLite's log grows (16 MB) before a commit copies it into the database, with two syncs of its own; where a
:class:`bpm_server.store.checkpoints.Checkpointer` runs, it does that instead."""
_KEEPALIVE = {"keepalives_idle": 30, "keepalives_interval": 5, "keepalives_count": 3, "tcp_user_timeout": 15_000}
"""A database whose host is gone is noticed after at most 45 seconds, one that leaves data unanswered after 15."""
_SQLITE_OUT = ("disk", "full", "readonly", "i/o", "unable to open")


class Database:
    """One database and the connections of this process to it.

    Connections stay open between transactions, the one used last is used next: opening one of SQLAlchemy's around a
    pooled one of the driver's costs more than many a command has to say.
    """

    def __init__(
        self, url: str, *, pool_size: int = 20, max_overflow: int = OVERFLOW, lock_timeout_ms: int = 3_000
    ) -> None:
        self.url = sa.make_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self._lock_timeout_ms = lock_timeout_ms
        self.log_pages = LOG_PAGES
        self.writes = 0
        """Of this process so far, about."""
        self._writer = threading.Lock()
        self._free = threading.Semaphore(pool_size + max_overflow)
        self._shared = threading.local()
        self._idle: list[tuple[int, Connection]] = []
        self._age = 0
        self.engine = (
            self._sqlite(pool_size, max_overflow) if self.is_sqlite else self._postgresql(pool_size, max_overflow)
        )
        driver: Any = self.engine.dialect.loaded_dbapi
        self._driver_error: type[Exception] = driver.Error

    def _sqlite(self, pool_size: int, max_overflow: int) -> sa.Engine:
        engine = sa.create_engine(
            self.url,
            pool_size=pool_size,
            max_overflow=max_overflow,
            connect_args={"check_same_thread": False, "cached_statements": 512},
        )

        @event.listens_for(engine, "connect")
        def prepare(connection: Any, record: Any) -> None:
            connection.isolation_level = None  # we begin transactions ourselves
            for pragma in (
                "journal_mode = WAL",
                "synchronous = FULL",
                f"wal_autocheckpoint = {self.log_pages}",
                f"busy_timeout = {self._lock_timeout_ms}",
                "cache_size = -16000",
                "temp_store = MEMORY",
            ):
                connection.execute(f"PRAGMA {pragma}")
            record.info["wire"] = SqliteWire(connection)

        @event.listens_for(engine, "begin")
        def begin(connection: Connection) -> None:
            driver: Any = connection.connection.driver_connection
            if not driver.in_transaction:
                driver.execute("BEGIN")

        return engine

    def _postgresql(self, pool_size: int, max_overflow: int) -> sa.Engine:
        session = {
            "lock_timeout": self._lock_timeout_ms,
            "idle_in_transaction_session_timeout": 60_000,
            "jit": "off",  # compiling a plan takes longer than the pages for which it runs
            "random_page_cost": 1.1,  # of memory and flash; at 4 it walks all keys where few rows of a list fit
        }
        options = " ".join(f"-c {name}={value}" for name, value in session.items())
        engine = sa.create_engine(
            self.url,
            pool_size=pool_size,
            max_overflow=max_overflow,
            pool_pre_ping=False,
            connect_args={"options": options, "connect_timeout": 5, **_KEEPALIVE},
        )

        @event.listens_for(engine, "connect")
        def prepare(connection: Any, record: Any) -> None:
            record.info["wire"] = PostgresWire(connection)

        @event.listens_for(engine, "before_cursor_execute")
        def before(connection: Connection, *_: Any) -> None:
            wire_of(connection).flush()

        @event.listens_for(engine, "commit")
        def commit(connection: Connection) -> None:
            wire_of(connection).finish()

        @event.listens_for(engine, "rollback")
        def rollback(connection: Connection) -> None:
            wire_of(connection).undo()

        return engine

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection for reading; on SQLite all sees one moment, on PostgreSQL each statement its own.

        Inside of :meth:`sharing` it is the one shared.

        Raises:
            Unavailable: the database cannot be reached or is busy.
        """
        shared: Connection | None = getattr(self._shared, "connection", None)
        if shared is not None:
            with self._explained():
                yield shared
            return
        with self._explained(), self._connection() as connection:
            if self.is_sqlite:
                connection.begin()
            else:
                _set_autocommit(connection, autocommit=True)  # no round trips for BEGIN and ROLLBACK
            yield connection

    @contextmanager
    def sharing(self, connection: Connection) -> Iterator[None]:
        """As long as the block runs, this thread reads in a transaction that is not committed yet."""
        wire_of(connection).flush()  # what fails is said now, not to whoever reads
        self._shared.connection = connection
        try:
            yield
        finally:
            self._shared.connection = None

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """A transaction that sees one moment of the database however long it reads, and stops nobody from writing.

        Raises:
            Unavailable: the database cannot be reached or is busy.
        """
        with self._explained(), self.engine.connect() as connection:
            if self.is_sqlite:
                connection.begin()
            else:
                connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
                connection.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = 0")
            yield connection

    def empty_log(self) -> None:
        """SQLite: moves the write-ahead log into the file and cuts it off, unless somebody reads from it just now."""
        if self.is_sqlite:
            with self._explained(), self.engine.connect() as connection:
                _checkpoint(connection, "TRUNCATE")

    def copy_log(self, *, patience_ms: int | None = None) -> int:
        """SQLite: copies what it can of the write-ahead log into the file, beside whoever reads and writes.

        Args:
            patience_ms: Nobody writes until all of it is copied, so that the log begins anew, unless readers or other
                processes are in the way for longer than this. None: what others write meanwhile is left.

        Returns:
            The pages of the log.
        """
        with self._explained(), self._connection() as connection:
            if patience_ms is None:
                return _checkpoint(connection, "PASSIVE")
            driver: Any = connection.connection.driver_connection
            with self._writer:
                driver.execute(f"PRAGMA busy_timeout = {patience_ms}")
                try:
                    return _checkpoint(connection, "RESTART")
                finally:
                    driver.execute(f"PRAGMA busy_timeout = {self._lock_timeout_ms}")

    @contextmanager
    def alone(self) -> Iterator[Connection]:
        """A transaction that may change tables themselves; whoever opened it commits.

        Raises:
            Unavailable: the database cannot be reached or is busy.
        """
        with self._explained(), self.engine.connect() as connection:
            if self.is_sqlite:
                driver: Any = connection.connection.driver_connection
                driver.execute("BEGIN IMMEDIATE")
                connection.begin()
            else:
                connection.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = 0")
            yield connection

    @contextmanager
    def write(self, *, synced: bool = True) -> Iterator[Connection]:
        """A transaction for one command. Whoever opened it commits (see ``services.transaction``).

        Args:
            synced: False: its commit waits for no disk. A crash of the machine may lose it, but only together with
                everything after it; no crash of a process does.

        Raises:
            Unavailable: the database cannot be reached, or a lock was not free in time.
            StaleVersion: another transaction got in between; try again.
        """
        if not self.is_sqlite:
            with self._explained(), self._connection() as connection:
                _set_autocommit(connection, autocommit=False)  # begins with the first statement
                connection.begin()
                if not synced:
                    wire_of(connection).forgo_sync()
                yield connection
            return
        begun = perf_counter()
        free = self._writer.acquire(timeout=self._lock_timeout_ms / 1000)
        _WRITER_SECONDS.observe(perf_counter() - begun)
        if not free:
            message = "Expected to write to the database, but other commands were busy for too long"
            raise Unavailable(message, retry_after=1)
        try:
            with self._explained(), self._connection() as connection, _syncing(connection, synced=synced):
                driver: Any = connection.connection.driver_connection
                driver.execute("BEGIN IMMEDIATE")
                connection.begin()
                yield connection
        finally:
            self.writes += 1
            self._writer.release()

    @contextmanager
    def _connection(self) -> Iterator[Connection]:
        """One that nobody else has."""
        if not self._free.acquire(timeout=self._lock_timeout_ms / 1000):
            metrics.CONNECTIONS_REFUSED.inc()
            message = "Expected a free database connection, but all are in use"
            raise Unavailable(message, retry_after=1)
        metrics.CONNECTIONS.inc()
        try:
            age, connection = self._take()
            try:
                yield connection
            finally:
                self._give_back(age, connection)
        finally:
            metrics.CONNECTIONS.dec()
            self._free.release()

    def _take(self) -> tuple[int, Connection]:
        """The one used last, unless the server has hung up meanwhile; else a new one."""
        with contextlib.suppress(IndexError):  # another thread may take the last
            while self._idle:
                age, connection = self._idle.pop()
                if self.is_sqlite or not wire_of(connection).has_hung_up():
                    return age, connection
                _discard(connection)
        return self._age, self.engine.connect()

    def _give_back(self, age: int, connection: Connection) -> None:
        """Ends what was begun; a connection that broke takes those that are idle with it: they broke by the same."""
        try:
            connection.rollback()
            usable = not connection.invalidated and _ended(connection)
        except (exc.SQLAlchemyError, self._driver_error):
            usable = False
        if usable and age == self._age:
            self._idle.append((age, connection))
            return
        _discard(connection)
        if not usable:
            self._drop_idle()

    def _drop_idle(self) -> None:
        self._age += 1
        while self._idle:
            _discard(self._idle.pop()[1])

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Turns database errors into ours; those of prepared statements come straight from the driver."""
        try:
            yield
        except exc.DBAPIError as error:
            raise _translated(error, error.orig, lost=error.connection_invalidated) from error
        except exc.TimeoutError as error:
            message = "Expected a free database connection, but all are in use"
            raise Unavailable(message, retry_after=1) from error
        except self._driver_error as error:
            raise _translated(error, error, lost=False) from error

    def dispose(self) -> None:
        """Closes all connections."""
        self._drop_idle()
        self.engine.dispose()


@contextmanager
def _syncing(connection: Connection, *, synced: bool) -> Iterator[None]:
    """On SQLite, where it is said of a connection, between transactions."""
    if synced:
        yield
        return
    wire = wire_of(connection)
    wire.forgo_sync()
    try:
        yield
    finally:
        connection.rollback()
        wire.insist_on_sync()


def _checkpoint(connection: Connection, how: str) -> int:
    driver: Any = connection.connection.driver_connection
    found: int = driver.execute(f"PRAGMA wal_checkpoint({how})").fetchone()[1]
    return found


def _set_autocommit(connection: Connection, *, autocommit: bool) -> None:
    driver: Any = connection.connection.driver_connection
    if driver.autocommit is not autocommit:
        driver.autocommit = autocommit


def _ended(connection: Connection) -> bool:
    """Whether the driver is in no transaction, and can begin the next."""
    driver: Any = connection.connection.driver_connection
    if connection.dialect.name == "sqlite":
        if driver.in_transaction:
            driver.rollback()
        return True
    wire = wire_of(connection)
    if driver.pgconn.transaction_status and not driver.pgconn.pipeline_status:
        wire.undo()
    at_rest: bool = wire.is_at_rest()
    return at_rest


def _discard(connection: Connection) -> None:
    if not connection.invalidated:
        connection.invalidate()
    connection.close()


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
