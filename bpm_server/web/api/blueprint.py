"""How an operation of the REST API is written down.

    @api.operation("POST", "/user-tasks/{userTaskKey}/completion", "completeUserTask", takes=Completion, status=204)
    def complete_user_task(call: Call, key: int) -> None:
        tasks.complete_task(call.server, call.actor, key, call.body["variables"])

The decorator finds out who asks, reads the body by its shape, and writes what the function returns; flask-smorest
and apispec make the OpenAPI document from the same shapes.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from flask import Response, request
from flask_smorest import Blueprint  # type: ignore[import-untyped]
from marshmallow import Schema, ValidationError
from werkzeug.exceptions import UnsupportedMediaType

from bpm_server.domain.idempotency import HEADER, LONGEST_KEY
from bpm_server.domain.identity import ANONYMOUS
from bpm_server.kernel.errors import InvalidInput
from bpm_server.web import access, backpressure, idempotency
from bpm_server.web.api.fields import flatten, instance, read_key, shown, writer
from bpm_server.web.api.search_schemas import page_shape, query_schema
from bpm_server.web.json_provider import read_body, reply

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bpm_server.domain.identity import Actor
    from bpm_server.reports.query import Page, Query
    from bpm_server.services.server import Server
    from bpm_server.web.api.searching import SearchTable

NO_BODY: dict[str, Any] = {}
ONCE: dict[str, Any] = {
    "in": "header",
    "name": HEADER,
    "required": False,
    "schema": {"type": "string", "minLength": 1, "maxLength": LONGEST_KEY, "pattern": "^[!-~]+$"},
    "description": "The request counts once, however often it is sent with this key within 24 hours.",
}


@dataclass(frozen=True, slots=True)
class Call:
    """A request to an operation: who asks whom, with what."""

    server: Server
    actor: Actor
    body: dict[str, Any] = field(default_factory=dict)


class ApiBlueprint(Blueprint):  # type: ignore[misc]
    """The operations of one noun."""

    operations: ClassVar[list[tuple[str, str, str]]] = []
    """Method, path and operation id of every operation there is."""

    def __init__(self, name: str, *, prefix: str = "/v2", tag: str | None = None) -> None:
        super().__init__(name, __name__, url_prefix=prefix, description=tag or name)
        self._tag = tag or name
        self._prefix = prefix

    def operation(
        self,
        method: str,
        path: str,
        operation_id: str,
        *,
        takes: type[Schema] | None = None,
        gives: type[Schema] | None = None,
        status: int = 200,
        public: bool = False,
        body_required: bool = False,
        counts_once: bool = True,
        begins_work: bool = False,
        parameters: Sequence[dict[str, Any]] = (),
        doc: dict[str, Any] | None = None,
    ) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Adds an operation.

        Args:
            method: HTTP method.
            path: With ``{parameters}``; those whose names end in ``Key`` reach the function as numbers.
            operation_id: As in the contract.
            takes: Shape of the body.
            gives: Shape of the reply; the function returns a row, a mapping, or a ready response.
            status: Of a reply; 204 for functions that return nothing.
            public: Nobody needs to sign in; the call has the system's own restricted actor.
            body_required: Whether a missing body is refused.
            counts_once: Of a POST: whether an ``Idempotency-Key`` is heeded (see ``web.idempotency``).
            begins_work: Whether it is refused while too much work is due (see ``web.backpressure``).
            parameters: Of the query string, for the OpenAPI document.
            doc: More members of the OpenAPI operation.
        """

        def add(view: Callable[..., Any]) -> Callable[..., Any]:
            once = method == "POST" and counts_once
            run = self._runner(
                _admitting(view) if begins_work else view,
                path,
                takes,
                gives,
                status,
                public=public,
                required=body_required,
                once=once,
            )
            functools.update_wrapper(run, view)
            described = self.doc(
                operationId=operation_id,
                tags=[self._tag],
                **self._parameters_doc(path, [*parameters, *([ONCE] if once else [])]),
                **self._body_doc(takes, required=body_required),
                **({"security": []} if public else {}),
                **(doc or {}),
            )(run)
            described = self.alt_response(status, schema=gives, success=True)(described)
            self.add_url_rule(_flask_path(path), operation_id, described, methods=[method])
            ApiBlueprint.operations.append((method, self._prefix + path, operation_id))
            return view

        return add

    def search(
        self,
        path: str,
        operation_id: str,
        table: SearchTable,
        find: Callable[..., Page[Any]] | None = None,
        *,
        parameters: Sequence[dict[str, Any]] = (),
    ) -> None:
        """Adds a search.

        Args:
            path: As in :meth:`operation`.
            operation_id: As in the contract.
            table: What it searches.
            find: Gives the page for a call, a query and the path's parameters; as a rule the table's own search.
            parameters: Further parameters, for the OpenAPI document.
        """
        names = _parameter_names(path)

        def run(**parameters: str) -> Response:
            asking, who = access.server(), access.require()
            values = _path_values(names, parameters)
            query = table.query(read_json())
            call = Call(asking, who.actor)
            page = find(call, query, *values) if find is not None else _find(call, table, query)
            return reply(table.reply(page))

        run.__name__ = operation_id
        run.__doc__ = f"Search {table.search.what}s."
        body = {"required": False, "content": {"application/json": {"schema": query_schema(table)}}}
        described = self.doc(
            operationId=operation_id, tags=[self._tag], requestBody=body, **self._parameters_doc(path, parameters)
        )(run)
        described = self.alt_response(200, schema=page_shape(table.item), success=True)(described)
        self.add_url_rule(_flask_path(path), operation_id, described, methods=["POST"])
        ApiBlueprint.operations.append(("POST", self._prefix + path, operation_id))

    @staticmethod
    def _runner(
        view: Callable[..., Any],
        path: str,
        takes: type[Schema] | None,
        gives: type[Schema] | None,
        status: int,
        *,
        public: bool,
        required: bool,
        once: bool,
    ) -> Callable[..., Response]:
        write = None if gives is None else writer(gives)
        names = _parameter_names(path)

        def run(**parameters: str) -> Response:
            actor = stranger() if public else access.require().actor
            if once and idempotency.is_asked():
                return idempotency.answer(actor, lambda: respond(actor, parameters))
            return respond(actor, parameters)

        def respond(actor: Actor, parameters: dict[str, str]) -> Response:
            values = _path_values(names, parameters)
            body = NO_BODY if takes is None else load_body(takes, required=required)
            result = view(Call(access.server(), actor, body), *values)
            if isinstance(result, Response):
                return result
            if result is None:
                return nothing(204 if status == 200 else status)
            return reply(result if write is None else write(result), status)

        return run

    @staticmethod
    def _parameters_doc(path: str, more: Sequence[dict[str, Any]] = ()) -> dict[str, Any]:
        parameters = [
            *(
                {"in": "path", "name": name, "required": True, "schema": _parameter_schema(name)}
                for name in _parameter_names(path)
            ),
            *more,
        ]
        return {"parameters": parameters} if parameters else {}

    @staticmethod
    def _body_doc(takes: type[Schema] | None, *, required: bool) -> dict[str, Any]:
        if takes is None:
            return {}
        return {"requestBody": {"required": required, "content": {"application/json": {"schema": takes}}}}


def stranger() -> Actor:
    """Whoever asks where nobody needs to sign in."""
    backpressure.admit_stranger(access.server())
    return ANONYMOUS


def _admitting(view: Callable[..., Any]) -> Callable[..., Any]:
    def admitted(*args: Any) -> Any:
        backpressure.admit_work()
        return view(*args)

    return admitted


def nothing(status: int = 204) -> Response:
    """A reply without a body."""
    response = Response(status=status)
    del response.headers["Content-Type"]
    return response


def xml(data: bytes) -> Response:
    """A file as it was deployed."""
    return Response(data, content_type="text/xml; charset=utf-8")


def _find(call: Call, table: SearchTable, query: Query) -> Page[Any]:
    with call.server.database.read() as connection:
        return table.search.page(connection, call.actor, query)


def _parameter_names(path: str) -> list[str]:
    return [part[1:-1] for part in path.split("/") if part.startswith("{")]


def _parameter_schema(name: str) -> dict[str, Any]:
    return {"type": "string", "pattern": "^[0-9]{1,19}$"} if name.endswith("Key") else {"type": "string"}


def _flask_path(path: str) -> str:
    return path.replace("{", "<").replace("}", ">")


def _path_values(names: list[str], parameters: dict[str, str]) -> list[Any]:
    return [
        read_key(parameters[name], f"{name} in the path") if name.endswith("Key") else parameters[name]
        for name in names
    ]


def read_json() -> Any:
    """The body as JSON.

    Raises:
        InvalidInput: it is not JSON.
        UnsupportedMediaType: it is said to be something else.
    """
    if request.content_length == 0 or (request.content_length is None and not request.content_type):
        return None
    if request.content_type and not request.is_json:
        message = f"Expected application/json, but found {request.mimetype[:60]}"
        raise UnsupportedMediaType(message)
    return read_body(request)


def load_body(shape: type[Schema], *, required: bool) -> dict[str, Any]:
    """The body by its shape.

    Raises:
        InvalidInput: ``details["errors"]`` names each member that is wrong.
    """
    found = read_json()
    if found is None and not required:
        found = {}
    if not isinstance(found, dict):
        message = f"Expected a JSON object, but found {shown(found)}"
        raise InvalidInput(message)
    try:
        loaded: dict[str, Any] = instance(shape).load(found)
    except ValidationError as error:
        errors = flatten(error.messages)
        first = next(iter(errors))
        raise InvalidInput(f"{first}: {errors[first]}", field=first, errors=errors) from error
    return loaded
