"""Encryption of secrets at rest: AES-256-GCM with a key derived from the installation's secret key."""

from __future__ import annotations

import hashlib
import hmac
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from bpm_server.kernel.errors import InvalidInput

_VERSION = b"\x01"
_NONCE = 12


class SecretBox:
    """Seals and opens small secrets. ``purpose`` separates uses: a text sealed for one does not open for another."""

    def __init__(self, secret_key: str) -> None:
        if len(secret_key) < 16:
            message = "Expected a secret key of at least 16 characters (BPM_SECRET_KEY), but found a shorter one"
            raise InvalidInput(message)
        self._key = secret_key.encode()

    def key(self, purpose: str) -> bytes:
        """A key of its own for one purpose."""
        return HKDF(algorithm=SHA256(), length=32, salt=None, info=purpose.encode()).derive(self._key)

    def seal(self, plain: bytes, purpose: str) -> bytes:
        """Encrypts."""
        nonce = os.urandom(_NONCE)
        return _VERSION + nonce + AESGCM(self.key(purpose)).encrypt(nonce, plain, purpose.encode())

    def open(self, sealed: bytes, purpose: str) -> bytes:
        """Decrypts.

        Raises:
            InvalidInput: sealed with another key or for another purpose, or changed since.
        """
        nonce, body = sealed[1 : 1 + _NONCE], sealed[1 + _NONCE :]
        try:
            return AESGCM(self.key(purpose)).decrypt(nonce, body, purpose.encode())
        except InvalidTag as error:
            message = f"Expected a secret sealed for '{purpose}' with this installation's key, but it does not open"
            raise InvalidInput(message) from error

    def digest(self, text: str, purpose: str) -> str:
        """A keyed hash, for looking up and comparing without storing the text."""
        return hmac.new(self.key(purpose), text.encode(), hashlib.sha256).hexdigest()
