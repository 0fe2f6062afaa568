"""Who is asking: signed-in browsers, passwords, tokens. Looked up once, cached until people or rights change."""

from __future__ import annotations

import hashlib
import math
import secrets
import threading
from collections import OrderedDict
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from bpm_server.connectors.sealed_fields import EMAIL
from bpm_server.domain.identity import SYSTEM, Actor, Permission
from bpm_server.kernel import json
from bpm_server.kernel.errors import LimitExceeded, NotSignedIn
from bpm_server.kernel.rates import TokenBuckets
from bpm_server.services.authorization import authorize
from bpm_server.services.transaction import command, transaction
from bpm_server.store import identities as store
from bpm_server.store.moments import look_moment

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.engine import Connection

    from bpm_server.connectors.secrets import SecretBox
    from bpm_server.services.server import Server

BASIC_CACHE_S = 300.0
MAX_CACHED = 5_000
FAILURES = 10
FAILURE_WINDOW_S = 300.0


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A browser's session."""

    actor: Actor
    csrf_token: str


class Identities:
    """Caches of one server process. Entries count only for the ``identity_version`` they were read at."""

    def __init__(self, secrets_box: SecretBox, monotonic: Callable[[], float], address_per_minute: int = 0) -> None:
        self._box = secrets_box
        self._monotonic = monotonic
        self._hasher = PasswordHasher()
        self._lock = threading.Lock()
        self._entries: OrderedDict[tuple[str, str], tuple[int, float, Any]] = OrderedDict()
        self._failures: OrderedDict[str, list[float]] = OrderedDict()
        self._decoy: str | None = None
        self._addresses = TokenBuckets(address_per_minute / 60, address_per_minute, monotonic)

    # --- caches -----------------------------------------------------------------------------------------

    def cached(self, kind: str, key: str, version: int, max_age_s: float) -> Any:
        """A cached answer, or None."""
        with self._lock:
            entry = self._entries.get((kind, key))
        if entry is None or entry[0] != version or self._monotonic() - entry[1] > max_age_s:
            return None
        return entry[2]

    def keep(self, kind: str, key: str, version: int, value: Any) -> None:
        """Caches an answer."""
        with self._lock:
            self._entries[kind, key] = (version, self._monotonic(), value)
            self._entries.move_to_end((kind, key))
            while len(self._entries) > MAX_CACHED:
                self._entries.popitem(last=False)

    # --- passwords --------------------------------------------------------------------------------------

    def hash(self, password: str) -> str:
        """Argon2 hash of a password."""
        return self._hasher.hash(password)

    def verify(self, password_hash: str | None, password: str) -> bool:
        """Whether the password is right; takes as long where there is no such person."""
        if password_hash is None and self._decoy is None:
            self._decoy = self._hasher.hash(secrets.token_hex(16))
        try:
            return self._hasher.verify(password_hash or self._decoy or "", password) and password_hash is not None
        except (VerificationError, InvalidHashError):
            return False

    def fingerprint(self, username: str, password: str) -> str:
        """Keyed hash of credentials, to recognize verified ones without keeping them."""
        return self._box.digest(f"{username}\0{password}", "basic-credentials")

    def check_rate(self, who: str) -> None:
        """Slows down guessing.

        Raises:
            LimitExceeded: too many wrong passwords for this name or address.
        """
        now = self._monotonic()
        with self._lock:
            recent = [at for at in self._failures.get(who, ()) if now - at < FAILURE_WINDOW_S]
            self._failures[who] = recent
        if len(recent) >= FAILURES:
            message = "Expected the right password, but there were too many wrong ones; try again later"
            raise LimitExceeded(message, retry_after=int(FAILURE_WINDOW_S - (now - recent[0])) + 1)

    def check_address(self, address: str) -> None:
        """Slows down whoever asks without credentials, or tries many names.

        Raises:
            LimitExceeded: too many requests from this address.
        """
        wait = self._addresses.take(address)
        if wait > 0:
            message = "Expected fewer requests from this address (BPM_ADDRESS_RATE_LIMIT), but found too many at once"
            raise LimitExceeded(message, retry_after=math.ceil(wait))

    def note_failure(self, who: str) -> None:
        """Counts a wrong password."""
        with self._lock:
            self._failures.setdefault(who, []).append(self._monotonic())
            while len(self._failures) > MAX_CACHED:
                self._failures.popitem(last=False)

    def forget_failures(self, who: str) -> None:
        """The right password came."""
        with self._lock:
            self._failures.pop(who, None)


def token_hash(token: str) -> str:
    """What is stored of a token or session cookie: SHA-256 in hex."""
    return hashlib.sha256(token.encode()).hexdigest()


def find_actor(server: Server, connection: Connection, username: str) -> Actor | None:
    """An active person with all rights, as they are now; None where there is no such."""
    found = store.find_person(connection, username)
    if found is None or not found.user.active:
        return None
    user = found.user
    permissions = frozenset(Permission.parse(text) for texts in found.permissions for text in json.loads(texts))
    return Actor(
        username=user.username,
        name=user.name,
        email=EMAIL.read(server.secrets, user.username, user.email, user.email_sealed),
        groups=frozenset(found.groups),
        roles=frozenset(found.roles),
        permissions=permissions,
        language=user.language,
        time_zone=user.time_zone,
        theme=user.theme,
        density=user.density,
    )


_WRONG = "Expected valid credentials, but found none or wrong ones"


def actor_by_token(server: Server, token: str) -> Actor:
    """The owner of an API token.

    Raises:
        NotSignedIn: unknown, expired or revoked, or the owner is inactive.
    """
    digest = token_hash(token)
    moment = look_moment(server.database)
    found = server.identities.cached("token", digest, moment.identity_version, float("inf"))
    if found is None:
        with server.database.read() as connection:
            row = store.find_token(connection, digest)
            actor = None if row is None else find_actor(server, connection, row.username)
        if row is None or actor is None:
            raise NotSignedIn(_WRONG)
        found = (actor, row.expires_at)
        server.identities.keep("token", digest, moment.identity_version, found)
    actor, expires_at = found
    if expires_at is not None and expires_at <= moment.database_now:
        raise NotSignedIn(_WRONG)
    result: Actor = actor
    return result


def actor_by_password(server: Server, username: str, password: str, address: str = "") -> Actor:
    """The person behind a name and password.

    Raises:
        NotSignedIn: wrong; the answer does not say which part.
        LimitExceeded: too many wrong ones, or too many tries from this address.
    """
    identities = server.identities
    who = f"{username}@{address}"
    fingerprint = identities.fingerprint(username, password)
    moment = look_moment(server.database)
    found = identities.cached("basic", fingerprint, moment.identity_version, BASIC_CACHE_S)
    if found is not None:
        verified: Actor = found
        return verified
    identities.check_rate(who)
    identities.check_address(address)
    with server.database.read() as connection:
        person = store.find_user(connection, username)
    password_hash = None if person is None or not person.active else person.password_hash
    if not identities.verify(password_hash, password):
        identities.note_failure(who)
        raise NotSignedIn(_WRONG)
    identities.forget_failures(who)
    with server.database.read() as connection:
        actor = find_actor(server, connection, username)
    if actor is None:
        raise NotSignedIn(_WRONG)
    identities.keep("basic", fingerprint, moment.identity_version, actor)
    return actor


def actor_by_name(server: Server, username: str) -> Actor:
    """A person by name, for what they asked for before, and for programs of the installation itself.

    Raises:
        NotSignedIn: no such active person.
    """
    version = look_moment(server.database).identity_version
    actor: Actor | None = server.identities.cached("name", username, version, float("inf"))
    if actor is None:
        with server.database.read() as connection:
            actor = find_actor(server, connection, username)
        if actor is None:
            raise NotSignedIn(_WRONG)
        server.identities.keep("name", username, version, actor)
    return actor


def signed_in(server: Server, cookie: str) -> SignedIn | None:
    """The session of a browser; None where it has none (any more)."""
    digest = token_hash(cookie)
    moment = look_moment(server.database)
    found = server.identities.cached("session", digest, moment.identity_version, float("inf"))
    if found is None:
        with server.database.read() as connection:
            row = store.find_session(connection, digest)
            actor = None if row is None else find_actor(server, connection, row.username)
        if row is None or actor is None:
            return None
        found = (SignedIn(actor, row.csrf_token), row.expires_at)
        server.identities.keep("session", digest, moment.identity_version, found)
    session, expires_at = found
    if expires_at <= moment.database_now:
        return None
    result: SignedIn = session
    return result


@command
def sign_in(server: Server, username: str, password: str, address: str = "") -> str:
    """Opens a session.

    Returns:
        The cookie's value; only its hash is stored.

    Raises:
        NotSignedIn: wrong name or password.
        LimitExceeded: too many wrong ones.
    """
    actor = actor_by_password(server, username, password, address)
    cookie = secrets.token_urlsafe(32)
    with transaction(server, SYSTEM) as tx:
        authorize(tx.actor, "SESSION", "CREATE")
        now = tx.moment.database_now
        expires_at = now + timedelta(hours=server.settings.session_hours)
        store.delete_expired_sessions(tx.connection, now)
        store.insert_session(
            tx.connection, token_hash(cookie), actor.username, secrets.token_urlsafe(24), now, expires_at
        )
    return cookie


@command
def sign_out(server: Server, cookie: str) -> None:
    """Ends a session, in all processes."""
    with transaction(server, SYSTEM) as tx:
        authorize(tx.actor, "SESSION", "DELETE")
        store.delete_session(tx.connection, token_hash(cookie))
        store.identity_changed(tx.connection)
