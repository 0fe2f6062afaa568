"""Puts the parts together: settings -> ``Server``. Nothing else does."""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from bpm_server.connectors import registry
from bpm_server.connectors.secrets import SecretBox
from bpm_server.connectors.smtp import read_mail_server
from bpm_server.connectors.web_push import read_contact
from bpm_server.domain.attachments import check_types
from bpm_server.engine import Limits
from bpm_server.kernel import tracing
from bpm_server.kernel.clock import SystemClock
from bpm_server.kernel.errors import BpmError, InvalidInput, NotFound, Unavailable
from bpm_server.kernel.ids import KeySource
from bpm_server.kernel.log import get_logger
from bpm_server.services import nodes
from bpm_server.services.cluster_variables import ClusterVariables
from bpm_server.services.definitions import Definitions
from bpm_server.services.hot import HotInstances
from bpm_server.services.identities import Identities
from bpm_server.services.office_hours import Calendars
from bpm_server.services.organisations import Organisations
from bpm_server.services.server import Server, Wakes
from bpm_server.store import migrate
from bpm_server.store.checkpoints import Checkpointer
from bpm_server.store.contents import ContentStores
from bpm_server.store.database import Database

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bpm_server.connectors.registry import Registry
    from bpm_server.kernel.clock import Clock
    from bpm_server.settings import Settings

log = get_logger(__name__)
CONTENT_FOLDERS = ("processes", "forms", "rules", "connectors", "calendars")
RENEW_S = 120.0
PATIENCE_S = 60.0
PAUSE_S = 1.0


def content_folder(settings: Settings) -> Path:
    """Where ``processes/``, ``forms/``, ``rules/`` and ``connectors/`` lie."""
    if settings.content_dir:
        return Path(settings.content_dir)
    here, package = Path.cwd(), Path(__file__).parent
    for folder in (here, package / "content", package.parent):  # the last one: a checkout, installed as editable
        if any((folder / name).is_dir() for name in CONTENT_FOLDERS):
            return folder
    return here


def secret_key(settings: Settings) -> str:
    """The installation's secret; made once in the data folder where none is set."""
    if settings.secret_key:
        return settings.secret_key
    path = settings.data_dir / "secret.key"
    if not path.exists():
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            os.write(file, secrets.token_urlsafe(48).encode())
            os.close(file)
    return path.read_text(encoding="ascii").strip()


def has_secret_key(settings: Settings) -> bool:
    """Whether the installation has a secret already."""
    return bool(settings.secret_key) or (settings.data_dir / "secret.key").exists()


def secret_box(settings: Settings) -> SecretBox:
    """Seals with the installation's secret, and opens also what those of before have sealed."""
    return SecretBox(secret_key(settings), settings.old_secret_keys)


def key_check(settings: Settings) -> str:
    """By which an installation is recognized that has the same secret."""
    return secret_box(settings).digest("same key", "backup")[:16]


def document_folder(settings: Settings) -> Path:
    """Where contents of documents lie as files; only where ``document_dir`` is set."""
    return Path(settings.document_dir)


def opens_with(settings: Settings, check: str) -> bool:
    """Whether the installation's secret, or one of before, is the one behind a :func:`key_check`."""
    keys = (secret_key(settings), *settings.old_secret_keys)
    return check in [key_check(replace(settings, secret_key=key)) for key in keys]


def check_database(settings: Settings) -> None:
    """For what must not make a database by looking for one.

    Raises:
        NotFound: SQLite, and there is no such file.
    """
    url = sa.make_url(settings.database())
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").is_file():
        message = f"Expected a database '{url.database}', but there is none"
        raise NotFound(message)


def check_revision(settings: Settings) -> None:
    """For what reads the newest tables and must not migrate.

    Raises:
        InvalidInput: the database has older tables than this release runs on.
    """
    database = open_database(settings)
    revision, newest = migrate.current(database)
    database.dispose()
    if not migrate.serves(revision):
        message = f"Expected the newest tables ({newest}), but found {revision}; run 'bpm-server migrate' first"
        raise InvalidInput(message)


def open_database(settings: Settings) -> Database:
    """The database of these settings; the data folder is made where SQLite needs it."""
    if not settings.database_url:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
    pool = settings.threads + settings.worker_threads + 4
    return Database(settings.database(), pool_size=pool, lock_timeout_ms=settings.lock_timeout_ms)


def build(
    settings: Settings,
    *,
    database: Database | None = None,
    clock: Clock | None = None,
    connectors: Registry | None = None,
    limits: Limits | None = None,
    take_node: bool = True,
) -> Server:
    """A server on a migrated database. Tests put their own parts in."""
    check_types(settings.attachment_types)
    read_mail_server(settings.smtp_url, settings.mail_from)
    read_contact(settings.push_contact)
    clock = clock or SystemClock()
    box = secret_box(settings)
    server = Server(
        settings=settings,
        database=database or open_database(settings),
        clock=clock,
        new_key=KeySource(clock),
        hot=HotInstances(settings.hot_instances),
        definitions=Definitions(),
        identities=Identities(box, clock.monotonic, settings.address_rate_limit),
        connectors=registry.load(content_folder(settings) / "connectors") if connectors is None else connectors,
        secrets=box,
        contents=ContentStores(document_folder(settings) if settings.document_dir else None),
        cluster_variables=ClusterVariables(),
        organisations=Organisations(),
        calendars=Calendars(),
        limits=limits or Limits(),
        wake=Wakes(),
    )
    if take_node:
        Node(server).take()
    return server


class Node:
    """The lease of this process's node number."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._holder = f"{socket.gethostname()[:40]}:{os.getpid()}:{secrets.token_hex(4)}"
        self._number: int | None = None

    def take(self) -> None:
        """Leases a free number and makes keys with it."""
        self._number = nodes.take_node(self._server, self._holder)
        self._server.new_key.use_node(self._number)

    def renew(self) -> None:
        """Keeps the number; where another process has taken it after a long pause, takes a new one."""
        if self._number is None or not nodes.renew_node(self._server, self._number, self._holder):
            self.take()

    def release(self) -> None:
        """Gives the number back."""
        if self._number is not None:
            nodes.release_node(self._server, self._number, self._holder)


def prepare(settings: Settings, *, finish: bool = False) -> None:
    """Brings the database of these settings to the newest tables; see ``migrate.upgrade`` for ``finish``."""
    database = open_database(settings)
    migrate.upgrade(database, finish=finish)
    database.dispose()


@contextlib.contextmanager
def running(settings: Settings) -> Iterator[Server]:
    """A server whose node lease is kept alive; everything is given back at the end."""
    server = build(settings, take_node=False)
    copier = Checkpointer(server.database) if server.database.is_sqlite else None
    node = Node(server)
    _take_patiently(node)
    stop = threading.Event()
    keeper = threading.Thread(target=_keep, args=(node, stop), name="node-lease", daemon=True)
    keeper.start()
    if copier is not None:
        copier.start()
    try:
        with tracing.exporting(settings.otlp_endpoint):
            yield server
    finally:
        if copier is not None:
            copier.stop()
        stop.set()
        keeper.join(5)
        with contextlib.suppress(BpmError):
            node.release()
        server.database.dispose()


def _take_patiently(node: Node) -> None:
    """Begins when the database answers: after a crash of the whole machine it may still be recovering.

    Raises:
        Unavailable: it does not for ``PATIENCE_S``.
    """
    tries = round(PATIENCE_S / PAUSE_S)
    for left in range(tries, -1, -1):
        try:
            node.take()
        except Unavailable as error:
            if not left:
                raise
            log.warning("database.awaited", reason=error.message)
            time.sleep(PAUSE_S)
        else:
            return


def _keep(node: Node, stop: threading.Event) -> None:
    while not stop.wait(RENEW_S):
        try:
            node.renew()
        except BpmError as error:
            log.warning("node.renewal_failed", reason=error.message)
