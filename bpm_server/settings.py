"""What an installation can set. Filled by bootstrap from the environment or a file; never changed afterwards."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from bpm_server.kernel.errors import InvalidInput

PREFIX = "BPM_"
STANDARD_WEBHOOKS_RETRY_SECONDS = (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)

ATTACHMENT_TYPES = tuple(
    "pdf ofd png jpg jpeg gif webp bmp tif tiff docx xlsx pptx doc xls ppt odt ods odp txt md csv zip".split()  # noqa: SIM905 - reads better
)


@dataclass(frozen=True, slots=True)
class Settings:
    """Every setting has an environment variable: ``BPM_`` and the name in capitals.

    Attributes:
        database_url: SQLAlchemy URL; empty: SQLite in ``data_dir``.
        broker_url: RabbitMQ for production workers; empty: workers poll and listen only.
        data_dir: Database, secrets and files of an embedded server.
        content_dir: Where ``processes/``, ``forms/``, ``rules/`` and ``connectors/`` lie; empty: the current
            folder if it has them, else the installed package's copy.
        secret_key: Signs and encrypts; empty: generated once into ``data_dir``.
        old_secret_keys: Secret keys of before: what they sealed still opens; see ``bpm-server secrets rotate``.
        admin_password: Of the first administrator; empty: generated and printed once.
        allow_clock: Allows ``PUT /v2/clock`` (tests).
        allow_loopback_webhooks: Allows webhook targets on this machine (demo and tests).
        webhook_allowed_hosts: Hosts in the company's own network that webhooks may reach.
        webhook_retry_seconds: Waits after the first, second, ... failed try of a webhook, a tenth more or less; after
            the last one it is given up. Unless set, those of Standard Webhooks; empty: one try.
        demo: Lists the demo people on the sign-in page of a loopback server.
        anonymous_v2: Allows ``/v2`` without credentials (Camunda Modeler on a designer's machine).
        gateway_version: What ``/v2/topology`` reports; Camunda Modeler compares it with the diagram's version.
        platform_version: What the Camunda 7 API reports.
        trusted_proxy: Address of the reverse proxy whose ``X-Forwarded-...`` headers count; ``*`` for any.
        smtp_url: Mail server: ``smtp://user:password@host:587`` (STARTTLS) or ``smtps://...``; empty: no mails are
            sent. ``?tls=no`` sends to a server inside the company without encryption.
        mail_from: Whom mails come from, such as ``Approvals <approvals@example.com>``; needed with ``smtp_url``.
        push_contact: Whom push services may ask about what this server sends (``mailto:`` or ``https:``); empty:
            nothing goes to people's devices.
        public_url: Where people reach this server, for links in mails and webhooks.
        threads: Request threads of one web process.
        max_waiting_requests: Requests of one web process that wait for a thread; those beyond are answered 503.
        max_due_jobs: Due work (jobs, timers, messages, webhooks) above which nothing new is begun: 503; 0: no limit.
        rate_limit: Requests a second of one person or token; those beyond are answered 429; 0: no limit.
        address_rate_limit: Requests a minute of one address without credentials, and passwords that it tries.
        metrics_token: Lets Prometheus read ``/metrics``; empty: only programs of this machine may.
        metrics_port: Where ``bpm-server worker`` answers ``/metrics``; 0: nowhere.
        otlp_endpoint: Where OpenTelemetry spans go (OTLP over HTTP; extra ``telemetry``); empty: nowhere.
        processes: Web processes of ``bpm-server web``.
        worker_threads: Threads of one worker process that call connectors and webhook endpoints.
        channel_threads: So many of them may be busy with one connector's host, or one endpoint; 0: half of them.
        stop_seconds: How long a process that is told to stop lets what runs finish.
        stop_notice_seconds: Before that ``bpm-server web`` goes on serving for so long while ``/health/ready`` says no,
            so that a load balancer sees it.
        hot_instances: Live instances kept in memory by each process.
        lock_timeout_ms: How long a command waits for a lock before it answers 503.
        request_body_limit: Bytes of one request.
        upload_limit: Bytes of one deployment.
        document_limit: Bytes of one document; a batch of documents takes as much in all.
        attachment_types: Ends of the names of files that people may attach; what is in a file must be of its type.
        document_dir: Folder for the contents of documents, shared by all processes; empty: they lie in the database.
        print_font: A TrueType file with Chinese characters for cases as PDF; empty: a font that readers of PDF bring.
        unique_business_ids: Refuses to start a process with a business id that an active instance of it has.
        history_days: Ended instances are removed after so many days, where their process says nothing; 0: kept.
        archive_dir: Folder into which the worker writes instances before it removes them; empty: it does not.
        session_hours: A signed-in browser stays so this long after its last use.
        default_language: For people who have not chosen one.
        time_zone: For people who have not chosen one, and for timers: cron, days, months and years.
    """

    database_url: str = ""
    broker_url: str = ""
    host: str = "127.0.0.1"
    port: int = 8080
    data_dir: Path = Path(".bpm")
    content_dir: str = ""
    secret_key: str = ""
    old_secret_keys: tuple[str, ...] = ()
    admin_password: str = ""
    allow_clock: bool = False
    allow_loopback_webhooks: bool = False
    webhook_allowed_hosts: tuple[str, ...] = ()
    webhook_retry_seconds: tuple[int, ...] = STANDARD_WEBHOOKS_RETRY_SECONDS
    demo: bool = False
    anonymous_v2: bool = False
    gateway_version: str = "8.9.0"
    platform_version: str = "7.24.0"
    trusted_proxy: str = ""
    smtp_url: str = ""
    mail_from: str = ""
    push_contact: str = ""
    public_url: str = ""
    threads: int = 8
    max_waiting_requests: int = 200
    max_due_jobs: int = 20_000
    rate_limit: int = 0
    address_rate_limit: int = 600
    metrics_token: str = ""
    metrics_port: int = 0
    otlp_endpoint: str = ""
    processes: int = 2
    worker_threads: int = 8
    channel_threads: int = 0
    stop_seconds: int = 20
    stop_notice_seconds: int = 5
    hot_instances: int = 2_000
    lock_timeout_ms: int = 3_000
    request_body_limit: int = 8 * 1024 * 1024
    upload_limit: int = 12 * 1024 * 1024
    document_limit: int = 20 * 1024 * 1024
    attachment_types: tuple[str, ...] = ATTACHMENT_TYPES
    document_dir: str = ""
    print_font: str = ""
    unique_business_ids: bool = False
    history_days: int = 0
    archive_dir: str = ""
    session_hours: int = 12
    default_language: str = "zh-CN"
    time_zone: str = "Asia/Shanghai"
    log_level: str = "INFO"
    log_json: bool = False
    extra: dict[str, str] = field(default_factory=dict)

    def database(self) -> str:
        """The database URL with its default."""
        return self.database_url or f"sqlite:///{(self.data_dir / 'bpm.db').absolute()}"

    def zone(self) -> ZoneInfo:
        """The time zone."""
        return ZoneInfo(self.time_zone)

    def document_request_limit(self) -> int:
        """Bytes of a request that brings documents: they, and what is said about them."""
        return self.document_limit + 1024 * 1024

    def most_in_channel(self) -> int:
        """Threads that one channel of outside work may keep busy."""
        return self.channel_threads or max(self.worker_threads // 2, 1)

    def url(self) -> str:
        """Where people reach this server."""
        return self.public_url.rstrip("/") or f"http://{self.host}:{self.port}"


def from_mapping(source: dict[str, str], **overrides: Any) -> Settings:
    """Settings from ``BPM_...`` variables; ``overrides`` win.

    Raises:
        InvalidInput: a value is not of its type; names the variable.
    """
    values: dict[str, Any] = {}
    for name, default in _defaults().items():
        text = source.get(PREFIX + name.upper())
        if text is not None:
            values[name] = _convert(PREFIX + name.upper(), text, default)
    values.update({name: value for name, value in overrides.items() if value is not None})
    for name, least in _LEAST.items():
        if values.get(name, least) < least:
            message = f"Expected {PREFIX}{name.upper()} to be at least {least}, but found {values[name]}"
            raise InvalidInput(message)
    settings = Settings(**values)
    try:
        settings.zone()
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        message = (
            f"Expected {PREFIX}TIME_ZONE to be a time zone such as Asia/Shanghai, but found '{settings.time_zone}'"
        )
        raise InvalidInput(message) from error
    return settings


_LEAST = {"worker_threads": 1, "channel_threads": 0, "history_days": 0, "stop_seconds": 0, "stop_notice_seconds": 0}


def _defaults() -> dict[str, Any]:
    blank = Settings()
    return {name: getattr(blank, name) for name in Settings.__slots__ if name != "extra"}


def _convert(variable: str, text: str, default: Any) -> Any:
    if isinstance(default, bool):
        if text.strip().lower() in ("1", "true", "yes", "on"):
            return True
        if text.strip().lower() in ("", "0", "false", "no", "off"):
            return False
        message = f"Expected {variable} to be 1 or 0, but found '{text}'"
        raise InvalidInput(message)
    if isinstance(default, int):
        try:
            return int(text)
        except ValueError as error:
            message = f"Expected {variable} to be a whole number, but found '{text}'"
            raise InvalidInput(message) from error
    if isinstance(default, Path):
        return Path(text)
    if isinstance(default, tuple):
        parts = tuple(part.strip() for part in text.split(",") if part.strip())
        return _whole_numbers(variable, parts) if default and isinstance(default[0], int) else parts
    return text


def _whole_numbers(variable: str, parts: tuple[str, ...]) -> tuple[int, ...]:
    for part in parts:
        if not part.isascii() or not part.isdecimal():
            message = f"Expected {variable} to be whole numbers with commas between, but found '{part}'"
            raise InvalidInput(message)
    return tuple(int(part) for part in parts)


def read_file(path: Path) -> dict[str, str]:
    """Reads ``NAME=value`` lines; ``#`` begins a comment; quotes around a value are dropped.

    Raises:
        InvalidInput: a line is neither empty, comment nor assignment; names the line.
    """
    result: dict[str, str] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        plain = line.strip()
        if not plain or plain.startswith("#"):
            continue
        name, separator, value = plain.partition("=")
        if not separator or not name.strip().isidentifier():
            message = f"Expected NAME=value in {path.name} line {number}, but found '{plain[:40]}'"
            raise InvalidInput(message)
        result[name.strip()] = value.strip().strip("'\"")
    return result
