"""JSON of requests and replies: every digit travels unchanged (see ``kernel.json``)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from flask import Response
from flask.json.provider import JSONProvider

from bpm_server.kernel import json
from bpm_server.kernel.errors import InvalidInput

if TYPE_CHECKING:
    from flask import Flask, Request

MIME = "application/json"
_POSITION = re.compile(r"\(byte (\d+)\)")


class ExactJson(JSONProvider):
    """What ``flask.json``, ``request.get_json`` and ``response.json`` use."""

    def dumps(self, obj: Any, **_: Any) -> str:
        return json.dumps(obj)

    def loads(self, s: str | bytes, **_: Any) -> Any:
        return json.loads_untrusted(s.encode() if isinstance(s, str) else s)

    def response(self, *args: Any, **kwargs: Any) -> Response:
        return reply(self._prepare_response_obj(args, kwargs))


def use_exact_json(app: Flask) -> None:
    """Lets an application read and write JSON without losing digits."""
    app.json = ExactJson(app)


def reply(value: Any, status: int = 200) -> Response:
    """A JSON reply."""
    return Response(json.dumps_bytes(value), status, content_type=MIME)


def read_body(request: Request) -> Any:
    """The JSON value of a request's body; None where there is no body.

    Raises:
        InvalidInput: not JSON, nested too deep, or a member that is there twice; ``details["position"]`` is the byte
            where it stops to be JSON.
    """
    data = request.get_data(cache=False)
    if not data:
        return None
    try:
        value = json.loads_untrusted(data)
    except InvalidInput as error:
        found = _POSITION.search(error.message)
        if found is None:
            raise
        raise InvalidInput(error.message, position=int(found[1])) from error
    json.check_members(data)
    return value
