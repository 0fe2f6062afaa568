"""What may come in as variables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bpm_server.kernel.errors import InvalidInput

MAX_VARIABLES = 1_000
MAX_NAME = 512


def check_variables(variables: Any) -> dict[str, Any]:
    """A plain dict of JSON values.

    Raises:
        InvalidInput: not an object, too many names, or a name that cannot be one.
    """
    if variables is None:
        return {}
    if not isinstance(variables, Mapping):
        message = f"Expected variables as an object, but found {type(variables).__name__}"
        raise InvalidInput(message)
    if len(variables) > MAX_VARIABLES:
        message = f"Expected at most {MAX_VARIABLES} variables, but found {len(variables)}"
        raise InvalidInput(message)
    for name in variables:
        if not isinstance(name, str) or not name or len(name) > MAX_NAME:
            message = f"Expected variable names of 1 to {MAX_NAME} characters, but found {str(name)[:60]!r}"
            raise InvalidInput(message, field=f"variables.{str(name)[:60]}")
    return dict(variables)
