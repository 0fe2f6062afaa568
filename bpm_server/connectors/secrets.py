"""Encryption of secrets at rest: AES-256-GCM with a key derived from the installation's secret key."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import os
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from bpm_server.kernel.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterable

_VERSION = b"\x01"
_NONCE = 12
LONGEST_TOKEN = 1_000


class SecretBox:
    """Seals and opens small secrets.

    ``purpose`` separates uses: a text sealed for one does not open for another. ``row`` does the same for what must not
    be moved to another row of a table.
    """

    def __init__(self, secret_key: str, old_keys: Iterable[str] = ()) -> None:
        self._key, *self._old = [_checked(key) for key in (secret_key, *old_keys)]

    def key(self, purpose: str) -> bytes:
        """A key of its own for one purpose."""
        return _derived(self._key, purpose)

    def old_keys(self, purpose: str) -> list[bytes]:
        """The same of the secret keys of before."""
        return [_derived(key, purpose) for key in self._old]

    def seal(self, plain: bytes, purpose: str, row: str = "") -> bytes:
        """Encrypts."""
        nonce = os.urandom(_NONCE)
        return _VERSION + nonce + AESGCM(self.key(purpose)).encrypt(nonce, plain, _place(purpose, row))

    def open(self, sealed: bytes, purpose: str, row: str = "") -> bytes:
        """Decrypts, also what a secret key of before has sealed.

        Raises:
            InvalidInput: sealed with another key or for another purpose, or changed since.
        """
        for key in (self.key(purpose), *self.old_keys(purpose)):
            with contextlib.suppress(InvalidTag):
                return _opened(key, sealed, _place(purpose, row))
        message = f"Expected a secret sealed for '{purpose}' with this installation's key, but it does not open"
        raise InvalidInput(message)

    def seal_token(self, text: str, purpose: str) -> str:
        """A sealed text as a part of an address."""
        return base64.urlsafe_b64encode(self.seal(text.encode(), purpose)).decode().rstrip("=")

    def open_token(self, token: str, purpose: str) -> str:
        """What :meth:`seal_token` has sealed.

        Raises:
            InvalidInput: as :meth:`open`; or it is no such part at all.
        """
        if len(token) > LONGEST_TOKEN:
            message = f"Expected a token of at most {LONGEST_TOKEN} characters, but found {len(token)}"
            raise InvalidInput(message)
        try:
            sealed = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        except ValueError as error:
            message = "Expected a token in Base64, but found something else"
            raise InvalidInput(message) from error
        return self.open(sealed, purpose).decode()

    def is_current(self, sealed: bytes, purpose: str, row: str = "") -> bool:
        """Whether the secret key of now has sealed it."""
        try:
            _opened(self.key(purpose), sealed, _place(purpose, row))
        except InvalidTag:
            return False
        return True

    def digest(self, text: str, purpose: str) -> str:
        """A keyed hash, for looking up and comparing without storing the text."""
        return _digest(self.key(purpose), text)

    def digests(self, text: str, purpose: str) -> list[str]:
        """The same by the secret key of now, then by those of before."""
        return [_digest(key, text) for key in (self.key(purpose), *self.old_keys(purpose))]


def _checked(secret_key: str) -> bytes:
    if len(secret_key) < 16:
        message = "Expected a secret key of at least 16 characters (BPM_SECRET_KEY), but found a shorter one"
        raise InvalidInput(message)
    return secret_key.encode()


def _derived(secret_key: bytes, purpose: str) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=purpose.encode()).derive(secret_key)


def _digest(key: bytes, text: str) -> str:
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def _place(purpose: str, row: str) -> bytes:
    """The associated data. No purpose has a NUL in it, so no two places look alike."""
    return f"{purpose}\0{row}".encode() if row else purpose.encode()


def _opened(key: bytes, sealed: bytes, place: bytes) -> bytes:
    nonce, body = sealed[1 : 1 + _NONCE], sealed[1 + _NONCE :]
    if len(nonce) < _NONCE:
        raise InvalidTag
    return AESGCM(key).decrypt(nonce, body, place)
