"""Calls to addresses that people typed in: checked, pinned, bounded.

The *resolved* address is checked and connected to, so that a name cannot point somewhere else in between; no
redirects are followed; answers are cut off at a size and time.
"""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

from bpm_server.connectors.contract import PermanentError, TemporaryError
from bpm_server.kernel.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Mapping

CONNECT_TIMEOUT_S = 5.0
READ_TIMEOUT_S = 30.0
MAX_ANSWER = 64 * 1024
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_6TO4 = ipaddress.ip_network("2002::/16")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class Policy:
    """Where calls may go.

    Attributes:
        allow_loopback: This machine (demo and tests).
        hosts: Names in the company's own network that an administrator has allowed.
    """

    allow_loopback: bool = False
    hosts: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; ``body`` is cut at ``MAX_ANSWER`` bytes."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def check_url(url: str, policy: Policy) -> SplitResult:
    """Checks what can be checked without asking the network.

    Raises:
        InvalidInput: not http or https, no host, credentials in it, or plain http to another machine.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        message = f"Expected an https URL, but found '{url[:100]}'"
        raise InvalidInput(message, field="url") from error
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        message = f"Expected an https URL, but found '{url[:100]}'"
        raise InvalidInput(message, field="url")
    if parts.username or parts.password:
        message = "Expected a URL without user name and password, but found them"
        raise InvalidInput(message, field="url")
    host = parts.hostname
    if parts.scheme == "http" and host not in policy.hosts and not (policy.allow_loopback and _is_loopback(host)):
        message = f"Expected https, but found '{url[:100]}'"
        raise InvalidInput(message, field="url")
    if not policy.allow_loopback and host not in policy.hosts and _is_loopback(host):
        message = f"Expected a host outside this machine, but found '{host}' (BPM_ALLOW_LOOPBACK_WEBHOOKS allows it)"
        raise InvalidInput(message, field="url")
    return parts


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_reachable_literal(host: str, policy: Policy) -> bool:
    """False for an address in numbers that calls must not reach; names are looked up when they are called."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return True
    return _may_reach(address, policy)


def resolve(host: str, port: int, policy: Policy) -> str:
    """The address to connect to.

    Raises:
        TemporaryError: the name cannot be resolved now.
        PermanentError: it points to an address that calls must not reach.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        message = f"Expected to resolve '{host}', but found: {error}"
        raise TemporaryError(message) from error
    refused = ""
    for *_, address in found:
        text = str(address[0])
        if host in policy.hosts or _may_reach(ipaddress.ip_address(text), policy):
            return text
        refused = text
    message = f"Expected '{host}' to be a public address, but it is {refused}, which calls must not reach"
    raise PermanentError(message)


def _may_reach(address: Address, policy: Policy) -> bool:
    if address.is_loopback:
        return policy.allow_loopback
    if isinstance(address, ipaddress.IPv6Address):
        mapped = address.ipv4_mapped
        if mapped is not None:
            return _may_reach(mapped, policy)
        if address in _NAT64 or address in _6TO4:
            return False
    return address.is_global and not address.is_multicast


class _PinnedConnection(http.client.HTTPConnection):
    """Connects to an address that was checked; the name is used for TLS and the Host header."""

    def __init__(self, host: str, port: int, address: str, context: ssl.SSLContext | None) -> None:
        super().__init__(host, port, timeout=CONNECT_TIMEOUT_S)
        self._address = address
        self._context = context

    def connect(self) -> None:
        self.sock = socket.create_connection((self._address, self.port), CONNECT_TIMEOUT_S)
        if self._context is not None:
            self.sock = self._context.wrap_socket(self.sock, server_hostname=self.host)
        self.sock.settimeout(READ_TIMEOUT_S)


def post(url: str, body: bytes, headers: Mapping[str, str], policy: Policy) -> Answer:
    """Posts bytes; see :func:`send`."""
    return send("POST", url, body, headers, policy)


def send(method: str, url: str, body: bytes | None, headers: Mapping[str, str], policy: Policy) -> Answer:
    """Sends a request.

    Raises:
        InvalidInput: the URL is not allowed.
        TemporaryError: no answer came.
        PermanentError: the address must not be reached.
    """
    parts = check_url(url, policy)
    assert parts.hostname is not None  # noqa: S101
    port = parts.port or (443 if parts.scheme == "https" else 80)
    address = resolve(parts.hostname, port, policy)
    context = ssl.create_default_context() if parts.scheme == "https" else None
    connection = _PinnedConnection(parts.hostname, port, address, context)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        connection.request(method, target, body, {"user-agent": "bpm-server", **headers})
        answer = connection.getresponse()
        data = answer.read(MAX_ANSWER)
        return Answer(answer.status, {key.lower(): value for key, value in answer.getheaders()}, data)
    except (OSError, http.client.HTTPException) as error:
        message = f"Expected an answer from '{parts.hostname}', but found: {type(error).__name__}: {error}"
        raise TemporaryError(message) from error
    finally:
        connection.close()
