"""What HTTP connectors have in common: a call out of inputs, and which failures are worth another try."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from bpm_server.connectors.contract import PermanentError, TemporaryError
from bpm_server.connectors.http import send
from bpm_server.kernel import json
from bpm_server.kernel.errors import InvalidInput

if TYPE_CHECKING:
    from bpm_server.connectors.http import Answer, Policy

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
TRY_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
LONGEST_WAIT_S = 3_600.0


def call(policy: Policy, *, method: Any, url: Any, headers: Any = None, query: Any = None, body: Any = None) -> Answer:
    """Calls an address out of variables of a process.

    Args:
        policy: Where calls may go.
        method: HTTP method; nothing means GET.
        url: Http or https.
        headers: An object.
        query: An object; added to the URL's own query.
        body: Text as it is, anything else as JSON.

    Raises:
        PermanentError: an input is wrong, or the address must not be reached.
        TemporaryError: no answer came, or one that says to try later.
    """
    verb = str(method or "GET").upper()
    if verb not in METHODS or not isinstance(url, str):
        shown = without_query(url) if isinstance(url, str) else type(url).__name__
        message = f"Expected a URL and one of {', '.join(METHODS)}, but found '{shown}' and '{verb[:20]}'"
        raise PermanentError(message)
    sent = {str(name): str(value) for name, value in object_of(headers, "headers").items() if value is not None}
    asked = urlencode(list(object_of(query, "query parameters").items()))
    target = f"{url}{'&' if '?' in url else '?'}{asked}" if asked else url
    data = None
    if body is not None:
        data = body.encode() if isinstance(body, str) else json.dumps_bytes(body)
        sent.setdefault("content-type", "text/plain; charset=utf-8" if isinstance(body, str) else "application/json")
    try:
        answer = send(verb, target, data, sent, policy)
    except InvalidInput as error:
        raise PermanentError(error.message) from error
    if answer.status in TRY_AGAIN:
        message = f"Expected an answer that counts from '{without_query(url)}', but found status {answer.status}"
        raise TemporaryError(message, delay_s=_wait_s(answer))
    return answer


def without_query(url: str) -> str:
    """A URL for messages and logs: many services take their tokens in the query."""
    return url.partition("?")[0][:200]


def text_of(answer: Answer) -> str:
    """The body as text."""
    return answer.body.decode("utf-8", errors="replace")


def value_of(answer: Answer) -> Any:
    """The body as JSON where it is said to be JSON, else as text; None where there is none."""
    if not answer.body:
        return None
    if "json" in answer.headers.get("content-type", ""):
        try:
            return json.loads_untrusted(answer.body)
        except InvalidInput:
            return text_of(answer)
    return text_of(answer)


def object_of(value: Any, what: str) -> Mapping[str, Any]:
    """An input that must be an object; none is an empty one.

    Raises:
        PermanentError: it is something else.
    """
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        message = f"Expected {what} as an object, but found {type(value).__name__}"
        raise PermanentError(message)
    return value


def _wait_s(answer: Answer) -> float | None:
    text = answer.headers.get("retry-after", "")
    return min(float(text), LONGEST_WAIT_S) if text.isdigit() else None
