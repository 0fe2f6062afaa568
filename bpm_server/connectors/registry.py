"""Which connectors an installation has: folders under ``connectors/`` and installed entry points.

A folder holds ``connector.yaml`` (type, names, inputs), an element template for Camunda Modeler, and, unless its
work is a webhook, a module with a function ``run(request) -> Result``.
"""

from __future__ import annotations

import importlib.util
import sys
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

import yaml

from bpm_server.connectors.contract import Connector
from bpm_server.kernel.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from bpm_server.connectors.contract import Handler

ENTRY_POINTS = "bpm_server.connectors"


class Registry:
    """Connectors by job type."""

    def __init__(self, connectors: Iterable[Connector] = ()) -> None:
        self._by_type: dict[str, Connector] = {}
        for connector in connectors:
            self.add(connector)

    def add(self, connector: Connector) -> None:
        """Adds a connector.

        Raises:
            InvalidInput: the job type is taken.
        """
        if connector.type in self._by_type:
            message = f"Expected one connector for job type '{connector.type}', but found two"
            raise InvalidInput(message)
        self._by_type[connector.type] = connector

    def find(self, job_type: str) -> Connector | None:
        """The connector that serves a job type."""
        return self._by_type.get(job_type)

    def handled_types(self) -> list[str]:
        """Job types that our own workers pick up."""
        return sorted(kind for kind, connector in self._by_type.items() if connector.handler is not None)

    def __iter__(self) -> Any:
        return iter(self._by_type.values())


def load(folder: Path) -> Registry:
    """Reads every connector folder and the installed entry points.

    Raises:
        InvalidInput: a ``connector.yaml`` is wrong; names file and field.
    """
    registry = Registry()
    if folder.is_dir():
        for path in sorted(folder.glob("*/connector.yaml")):
            registry.add(read(path))
    for entry in entry_points(group=ENTRY_POINTS):
        registry.add(entry.load())
    return registry


def read(path: Path) -> Connector:
    """Reads one ``connector.yaml``.

    Raises:
        InvalidInput: names the field that is wrong.
    """
    try:
        settings = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        message = f"Expected YAML in {path.parent.name}/{path.name}, but found: {error}"
        raise InvalidInput(message) from error
    if not isinstance(settings, dict) or not isinstance(settings.get("type"), str):
        message = f"Expected a job type in {path.parent.name}/{path.name}, but found none"
        raise InvalidInput(message, field="type")
    names = settings.get("name") or {}
    inputs = settings.get("inputs") or {}
    outbox = bool(settings.get("outbox", False))
    return Connector(
        type=settings["type"],
        name={str(key): str(value) for key, value in names.items()} if isinstance(names, dict) else {"en": str(names)},
        handler=None if outbox else _handler(path, settings),
        outbox=outbox,
        inputs={str(key): bool((value or {}).get("required")) for key, value in inputs.items()},
        retries=_number(path, settings, "retries") or 3,
        lease_s=_number(path, settings, "leaseSeconds") or 120,
        url_input=_url_input(path, settings, inputs),
        most_at_once=_number(path, settings, "mostAtOnce"),
        most_per_minute=_number(path, settings, "mostPerMinute"),
    )


def _number(path: Path, settings: dict[str, Any], name: str) -> int | None:
    found = settings.get(name)
    if found is None or (isinstance(found, int) and not isinstance(found, bool) and found > 0):
        return found
    message = f"Expected {name} in {path.parent.name}/{path.name} to be a whole number from 1, but found '{found}'"
    raise InvalidInput(message, field=name)


def _url_input(path: Path, settings: dict[str, Any], inputs: dict[str, Any]) -> str | None:
    found = settings.get("urlInput")
    if found is None or found in inputs:
        return found
    message = f"Expected urlInput in {path.parent.name}/{path.name} to name one of its inputs, but found '{found}'"
    raise InvalidInput(message, field="urlInput")


def _handler(path: Path, settings: dict[str, Any]) -> Handler:
    module_path = path.parent / str(settings.get("module", f"{path.parent.name}.py"))
    if not module_path.is_file():
        message = f"Expected {path.parent.name}/{module_path.name} beside connector.yaml, but found none"
        raise InvalidInput(message, field="module")
    name = f"bpm_connector_{path.parent.name}"
    spec = importlib.util.spec_from_file_location(name, module_path)
    assert spec is not None  # noqa: S101
    assert spec.loader is not None  # noqa: S101
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    handler: Handler = module.run
    return handler
