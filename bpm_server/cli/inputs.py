"""JSON given on the command line, as text or as ``@FILE``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bpm_server import feel
from bpm_server.kernel import json
from bpm_server.kernel.errors import InvalidInput, NotFound


def read_file(path: Path, what: str) -> bytes:
    """The content of a file.

    Raises:
        NotFound: there is none.
    """
    if not path.is_file():
        message = f"Expected {what} '{path}', but there is none"
        raise NotFound(message)
    return path.read_bytes()


def read_json(text: str) -> Any:
    """The JSON value of an argument; ``@FILE`` reads a file.

    Raises:
        NotFound: no such file.
        InvalidInput: not JSON.
    """
    return json.loads(read_file(Path(text[1:]), "a JSON file") if text.startswith("@") else text)


def read_variables(text: str) -> dict[str, Any]:
    """Variables by name, of an argument that is a JSON object.

    Raises:
        NotFound: no such file.
        InvalidInput: not JSON, or not an object.
    """
    value = read_json(text)
    if not isinstance(value, dict):
        message = f"Expected --input to be a JSON object, but found {type(value).__name__}"
        raise InvalidInput(message)
    return {name: feel.from_json(each) for name, each in value.items()}
