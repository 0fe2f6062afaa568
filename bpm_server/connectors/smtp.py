"""Handing mails to the installation's mail server, one connection for several.

What the server says of one mail decides about that mail; what is wrong with the server itself (away, busy, no TLS,
wrong password, a sender that it does not take) is temporary: somebody will mend it.
"""

from __future__ import annotations

import contextlib
import re
import smtplib
import ssl
from dataclasses import dataclass, field
from email.errors import MessageError
from email.headerregistry import Address
from email.policy import SMTP
from email.utils import parseaddr
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote, urlsplit

from bpm_server.connectors.contract import PermanentError, TemporaryError
from bpm_server.kernel.errors import InvalidInput

if TYPE_CHECKING:
    from email.message import EmailMessage

TIMEOUT_S = 20.0
"""Of each step; a whole mail has about five."""
CLOSING = 421
"""The server ends the connection with this."""
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_PORTS = {"smtp": 587, "smtps": 465}


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where mails go, and whom they come from.

    Attributes:
        encrypts: From the first byte (``smtps``), by STARTTLS, or not at all.
        user: Empty: it takes mails without.
    """

    host: str
    port: int
    encrypts: str
    sender: Address
    user: str = ""
    password: str = field(default="", repr=False)


def read_mail_server(url: str, sender: str) -> MailServer | None:
    """The mail server of ``BPM_SMTP_URL`` and ``BPM_MAIL_FROM``; None where no mails are sent.

    Raises:
        InvalidInput: one of them cannot be used; the message shows no password.
    """
    if not url:
        return None
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        message = f"Expected a host and a port in BPM_SMTP_URL, but {error}"
        raise InvalidInput(message) from error
    if parts.scheme not in _PORTS or not parts.hostname:
        message = (
            "Expected BPM_SMTP_URL as smtp://user:password@host:587 or smtps://user:password@host:465, "
            f"but found '{parts.scheme}' before the host and '{parts.hostname or ''}' as host"
        )
        raise InvalidInput(message)
    user = unquote(parts.username or "")
    encrypts = _encrypts(parts.scheme, parts.hostname, parts.query)
    if user and encrypts == "no" and parts.hostname not in _LOOPBACK:
        message = "Expected BPM_SMTP_URL without ?tls=no, but found a password, which must not travel unencrypted"
        raise InvalidInput(message)
    return MailServer(
        parts.hostname, port or _PORTS[parts.scheme], encrypts, _sender(sender), user, unquote(parts.password or "")
    )


def _encrypts(scheme: str, host: str, query: str) -> str:
    values = parse_qs(query, keep_blank_values=True)
    if values not in ({}, {"tls": ["no"]}):
        message = f"Expected nothing or ?tls=no at the end of BPM_SMTP_URL, but found '?{query}'"
        raise InvalidInput(message)
    if scheme == "smtps":
        return "smtps"
    return "no" if values or host in _LOOPBACK else "starttls"


def _sender(text: str) -> Address:
    name, address = parseaddr(text)
    try:
        return make_address(name, address)
    except InvalidInput as error:
        message = f"Expected BPM_MAIL_FROM such as 'Approvals <approvals@example.com>', but found '{text[:80]}'"
        raise InvalidInput(message) from error


def make_address(name: str, address: str) -> Address:
    """An address for a header; nothing in the name or the address can become another header.

    Raises:
        InvalidInput: this is no address of a mailbox.
    """
    local, at, domain = address.strip().rpartition("@")
    plain = " ".join("".join(char if char.isprintable() else " " for char in name).split())
    try:
        if not at or not local or not domain or not address.strip().isprintable() or " " in address.strip():
            raise ValueError(address)
        return Address(plain, addr_spec=f"{local}@{domain.encode('idna').decode()}")
    except (ValueError, MessageError, IndexError) as error:
        message = f"Expected an address such as ann@example.com, but found {address[:80]!r}"
        raise InvalidInput(message) from error


class Post:
    """Sends mails until it is closed; connects with the first, and again after the server has hung up."""

    def __init__(self, server: MailServer) -> None:
        self._server = server
        self._connection: smtplib.SMTP | None = None
        self._away: TemporaryError | None = None

    def send(self, mail: EmailMessage) -> None:
        """Hands over one mail; its first ``To`` is who gets it.

        Raises:
            TemporaryError: it may be taken later; where the server is away, so is it for the mails that follow.
            PermanentError: the server will never take this one.
        """
        to = mail["To"].addresses[0].addr_spec
        connection = self._connected()
        try:
            connection.sendmail(self._server.sender.addr_spec, [to], mail.as_bytes(policy=SMTP))
        except smtplib.SMTPSenderRefused as error:
            refused = self._refused(error.smtp_code, error.smtp_error, to)
            message = f"{refused.message} (as sender: {error.sender})"
            raise TemporaryError(message) from error
        except smtplib.SMTPRecipientsRefused as error:
            raise self._refused(*next(iter(error.recipients.values())), to) from error
        except smtplib.SMTPResponseException as error:
            raise self._refused(error.smtp_code, error.smtp_error, to) from error
        except (smtplib.SMTPException, OSError) as error:
            self.close()
            message = f"the mail server hung up: {type(error).__name__}: {error}"
            raise TemporaryError(message) from error

    def _connected(self) -> smtplib.SMTP:
        if self._away is not None:
            raise self._away
        if self._connection is None:
            try:
                self._connection = _connect(self._server)
            except (smtplib.SMTPException, OSError) as error:
                where = f"{self._server.host}:{self._server.port}"
                self._away = TemporaryError(f"the mail server {where} cannot be used: {type(error).__name__}: {error}")
                raise self._away from error
        return self._connection

    def close(self) -> None:
        """Says goodbye, if there is somebody to say it to."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(smtplib.SMTPException, OSError):
                connection.quit()

    def _refused(self, code: int, said: bytes | str, to: str) -> PermanentError | TemporaryError:
        """What the server says, without the address: that is sealed where it is stored, and in no log."""
        if code == CLOSING:
            self.close()
        words = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
        plain = re.sub(re.escape(to), "...", " ".join(words.split()), flags=re.IGNORECASE)
        message = f"the mail server refused it: {code} {plain[:300]}"
        return PermanentError(message) if 500 <= code < 600 else TemporaryError(message)


def _connect(server: MailServer) -> smtplib.SMTP:
    context = ssl.create_default_context()
    connection = (
        smtplib.SMTP_SSL(server.host, server.port, timeout=TIMEOUT_S, context=context)
        if server.encrypts == "smtps"
        else smtplib.SMTP(server.host, server.port, timeout=TIMEOUT_S)
    )
    with contextlib.ExitStack() as unless_ready:
        unless_ready.callback(connection.close)
        if server.encrypts == "starttls":
            connection.starttls(context=context)
        if server.user:
            connection.login(server.user, server.password)
        unless_ready.pop_all()
    return connection
