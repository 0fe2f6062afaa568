"""What the OpenAPI document says about our kinds of values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bpm_server.web.api.fields import Many, One, Reply, Value

if TYPE_CHECKING:
    from marshmallow import fields

LIMITS = ("maxLength", "minimum", "maximum", "maxItems")
"""Of what comes in; what goes out may be longer."""


def described(converter: Any, field: fields.Field[Any], **_: Any) -> dict[str, Any]:
    """The JSON schema of a field; apispec calls it beside its own functions.

    Args:
        converter: apispec's, which knows how shapes are referred to.
        field: One of a shape.
    """
    if not isinstance(field, Value):
        return {}
    if isinstance(field, One):
        reference = converter.resolve_nested_schema(field.shape)
        return {"allOf": [reference], "nullable": True} if field.allow_none else dict(reference)
    if isinstance(field, Many):
        return {"type": "array", "items": converter.resolve_nested_schema(field.shape)}
    found = field.schema()
    words = field.metadata.get("enum")
    if words:
        found["type"] = "string"
        found["enum"] = [*words, None] if field.allow_none else list(words)
    if isinstance(field.parent, Reply):
        for name in LIMITS:
            found.pop(name, None)
    return found
