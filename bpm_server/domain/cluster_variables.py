"""Cluster variables: what one may be called and hold.

Source: Camunda 8.9 documentation, "Cluster variables".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from bpm_server.kernel import json
from bpm_server.kernel.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Mapping

LONGEST_VALUE = 8_192
MOST_METADATA = 100
_NAME = re.compile(r"[^\W\d][\w.\-]{0,255}")


def check_name(name: str) -> str:
    """A name that can follow ``camunda.vars.env``.

    Raises:
        InvalidInput: empty, too long, or with other characters than letters, digits and ``_.-``.
    """
    if _NAME.fullmatch(name):
        return name
    message = f"Expected a name of 1 to 256 letters, digits and _.-, a letter or _ first, but found '{name[:60]}'"
    raise InvalidInput(message, field="name")


def value_text(value: Any) -> str:
    """The value as JSON.

    Raises:
        InvalidInput: it is too long.
    """
    text = json.dumps(value)
    if len(text) > LONGEST_VALUE:
        message = f"Expected a value of at most {LONGEST_VALUE} characters of JSON, but found {len(text)}"
        raise InvalidInput(message, field="value")
    return text


def metadata_text(metadata: Mapping[str, Any]) -> str:
    """Remarks about a variable as JSON.

    Raises:
        InvalidInput: too many, or one that is neither text nor a number.
    """
    if len(metadata) > MOST_METADATA:
        message = f"Expected at most {MOST_METADATA} members of metadata, but found {len(metadata)}"
        raise InvalidInput(message, field="metadata")
    for name, value in metadata.items():
        is_plain = isinstance(value, str) or (not isinstance(value, bool | list | dict) and value is not None)
        if not is_plain or len(name) > 256 or len(str(value)) > LONGEST_VALUE:
            message = f"Expected text or a number in metadata '{name[:60]}', but found another value or a longer one"
            raise InvalidInput(message, field="metadata")
    return json.dumps(metadata)


def outer_variables(values: Mapping[str, Any]) -> dict[str, Any]:
    """What expressions see beyond the scopes of their process: there is one tenant, so ``env`` is ``cluster``."""
    return {"camunda": {"vars": {"cluster": values, "tenant": {}, "env": values}}}
