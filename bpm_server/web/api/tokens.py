"""``/api/tokens``: API tokens, shown once."""

from __future__ import annotations

from typing import Any

from flask import request

from bpm_server.reports import people
from bpm_server.services import tokens
from bpm_server.services.authorization import authorize
from bpm_server.web.api.blueprint import ApiBlueprint, Call
from bpm_server.web.api.fields import Key, Many, Moment, Number, Reply, StrictBody, Text

api = ApiBlueprint("tokens", prefix="/api", tag="Token")
EVERYBODY = "*"


class Token(Reply):
    """A token; what it is itself only its owner knows."""

    key = Key()
    name = Text()
    username = Text()
    created_at = Moment()
    expires_at = Moment(null=True)


class Tokens(Reply):
    """All tokens of a person, or of everybody."""

    items = Many(Token)


class NewToken(Reply):
    """A new token, shown this once."""

    token = Text()


class TokenCreation(StrictBody):
    """A new token: for oneself unless another owner is named."""

    name = Text(longest=256, required=True)
    username = Text(longest=256, null=True, load_default=None)
    days = Number(least=1, most=tokens.LONGEST_DAYS, null=True, load_default=None)


@api.operation("POST", "/tokens", "createToken", takes=TokenCreation, gives=NewToken, status=201, body_required=True)
def create_token(call: Call) -> dict[str, Any]:
    """Make a token that acts as its owner. It is shown this once."""
    body = call.body
    owner = body["username"] or call.actor.username
    return {"token": tokens.create_token(call.server, call.actor, owner, body["name"], days=body["days"])}


@api.operation(
    "GET",
    "/tokens",
    "listTokens",
    gives=Tokens,
    parameters=[{"in": "query", "name": "username", "schema": {"type": "string"}, "description": "* for everybody"}],
)
def list_tokens(call: Call) -> dict[str, Any]:
    """List one's own tokens, or with the permission USER:READ those of others."""
    owner = request.args.get("username", call.actor.username)
    if owner != call.actor.username:
        authorize(call.actor, "USER", "READ", None if owner == EVERYBODY else owner)
    with call.server.database.read() as connection:
        return {"items": people.tokens(connection, None if owner == EVERYBODY else owner)}


@api.operation("DELETE", "/tokens/{tokenKey}", "deleteToken", status=204)
def delete_token(call: Call, key: int) -> None:
    """Revoke a token."""
    tokens.delete_token(call.server, call.actor, key)
