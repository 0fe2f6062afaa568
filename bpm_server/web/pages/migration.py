"""Letting cases go on by another version of their process: one case, or all of a version."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from flask import Blueprint, request

from bpm_server import engine
from bpm_server.domain.batch_operations import RESOURCE as RESOURCE_OF_BATCHES
from bpm_server.domain.batch_operations import Kind
from bpm_server.kernel.errors import NotFound, WrongState
from bpm_server.reports.active_elements import places, running
from bpm_server.reports.batch_targets import of_query
from bpm_server.reports.process_instances import read_instance
from bpm_server.reports.process_models import models
from bpm_server.reports.query import Condition, Query
from bpm_server.services import batch_operations, migration
from bpm_server.services.authorization import authorize
from bpm_server.web import access
from bpm_server.web.pages import answers
from bpm_server.web.pages.batch_operations import HOME as BATCHES
from bpm_server.web.pages.case_operations import MIGRATE, RESOURCE
from bpm_server.web.pages.case_operations import PATH as CASE
from bpm_server.web.pages.migration_words import Row, groups, obstacles_in_words, rows
from bpm_server.web.pages.process_versions import PATH as PROCESS
from bpm_server.web.pages.process_versions import deployers, drawings, find_version, seen_versions
from bpm_server.web.pages.texts import gettext as _
from bpm_server.web.pages.visitor import actor, signed_in
from bpm_server.web.pages.wording import process_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flask import Response

    from bpm_server.domain.identity import Actor
    from bpm_server.reports.process_versions import Version
    from bpm_server.services.migration import MigrationCheck

pages = Blueprint("case_migration", __name__)
MOST_CASES = 500
MAPPED = "map:"


# --- one case -------------------------------------------------------------------------------------------


@pages.get(f"{CASE}/migrate")
def form(key: int) -> Response:
    """Which version, and what would become of what is active."""
    values = _of_case(key)
    if values["target"] is not None:
        values.update(_checked_case(values, None))
    return answers.html("instances/migrate.html", **values)


@pages.post(f"{CASE}/migrate")
def migrate(key: int) -> Response:
    """Tries a mapping, or migrates by it."""
    who, server, values = actor(), access.server(), _of_case(key)
    target: Version | None = values["target"]
    if target is None:
        message = f"Expected a version to migrate process instance '{key}' to, but found none"
        raise NotFound(message)
    mapping = _submitted(values)
    status = 200
    try:
        if request.form.get("act") == "do":
            migration.migrate_instance(server, who, key, target.key, list(mapping.items()))
            text = _("The case goes on by version %(number)s.", number=target.version)
            return answers.said(answers.go_to(f"/instances/{key}"), text)
    except WrongState as error:
        status, values["problem"] = 409, "" if error.details.get("obstacles") else error.message
    values.update(_checked_case(values, mapping))
    return _answer("instances/migrate.html", status, values)


def _of_case(key: int) -> dict[str, Any]:
    server, who = access.server(), signed_in()
    line = read_instance(server, who, key)
    authorize(who, RESOURCE, MIGRATE, line.process_id)
    if line.ended_at is not None:
        message = f"Expected to migrate process instance '{key}', but it is {line.state}"
        raise NotFound(message)
    found = seen_versions(who, line.process_id)
    return {
        "line": line,
        "address": f"/instances/{key}/migrate",
        **_versions(line.process_id, found, find_version(found, line.version)),
    }


def _checked_case(values: Mapping[str, Any], mapping: Mapping[str, str] | None) -> dict[str, Any]:
    key: int = values["line"].key
    found = migration.check_migration(access.server(), signed_in(), key, values["target"].key, mapping)
    mapped = _mapped(values, [key], found.mapping, [found])
    others = [one for one in found.obstacles if one.element_id not in {row.element_id for row in mapped}]
    return {
        "rows": mapped,
        "can_go": not found.obstacles,
        "others": obstacles_in_words(others, values["source_model"]),
    }


# --- all running cases of a version ---------------------------------------------------------------------


@pages.get(f"{PROCESS}/versions/<int:number>/migrate")
def form_of_all(process_id: str, number: int) -> Response:
    """Which cases of a version could go on by another one, and which could not."""
    values = _of_version(process_id, number, signed_in())
    if values["target"] is not None:
        values.update(_checked_cases(values, None))
    return answers.html("processes/migrate.html", **values)


@pages.post(f"{PROCESS}/versions/<int:number>/migrate")
def try_all(process_id: str, number: int) -> Response:
    """Tries a mapping on all of them, or asks for the batch operation that migrates those that can go."""
    who = actor()
    values = _of_version(process_id, number, who)
    if values["target"] is not None:
        if request.form.get("act") == "all":
            return answers.go_to(f"{BATCHES}/{_ask_for_all(who, values)}")
        values.update(_checked_cases(values, _submitted(values)))
    return _answer("processes/migrate.html", 200, values)


def _ask_for_all(who: Actor, values: Mapping[str, Any]) -> int:
    """Each case is an item: one that cannot go fails with the reason, and the others go."""
    server, kind = access.server(), Kind.MIGRATE_PROCESS_INSTANCE
    query = Query((Condition("process_definition_key", "eq", values["source"].key),))
    plan = {"target_key": values["target"].key, "mapping": list(_submitted(values).items())}
    return batch_operations.create_operation(server, who, kind, of_query(server, who, kind, query), plan)


def _of_version(process_id: str, number: int, who: Actor) -> dict[str, Any]:
    authorize(who, RESOURCE, MIGRATE, process_id)
    found = seen_versions(who, process_id)
    address = f"/processes/{quote(process_id)}/versions/{number}/migrate"
    kind = Kind.MIGRATE_PROCESS_INSTANCE
    may_batch = who.may(RESOURCE_OF_BATCHES, "CREATE") or who.may(RESOURCE_OF_BATCHES, kind.permission)
    values = _versions(process_id, found, find_version(found, number))
    return {"address": address, "may_batch": may_batch, **values}


def _checked_cases(values: Mapping[str, Any], mapping: Mapping[str, str] | None) -> dict[str, Any]:
    server, who = access.server(), signed_in()
    found = running(server, values["source"].key, MOST_CASES)
    checks = [one for key in found.keys if (one := _check(who, key, values["target"].key, mapping)) is not None]
    used = mapping if mapping is not None else engine.same_ids(values["source_model"], values["target_model"])
    return {
        "rows": _mapped(values, found.keys, used, ()),
        "number": found.number - (len(found.keys) - len(checks)),
        "looked_at": len(checks),
        "can_go": sum(not one.obstacles for one in checks),
        "groups": groups(checks, values["source_model"]),
    }


def _check(who: Actor, key: int, target_key: int, mapping: Mapping[str, str] | None) -> MigrationCheck | None:
    """One of many; None where it has ended meanwhile."""
    try:
        return migration.check_migration(access.server(), who, key, target_key, mapping)
    except NotFound:
        return None


# --- both -----------------------------------------------------------------------------------------------


def _versions(process_id: str, found: Sequence[Version], source: Version) -> dict[str, Any]:
    """The versions to choose from, and what is different in the chosen one: the newest where none is named."""
    others = [one for one in found if one.key != source.key and one.deleted_at is None]
    asked = request.values.get("to", 0, int)
    target = next((one for one in others if asked in (0, one.version)), None)
    keys = [source.key, *([] if target is None else [target.key])]
    processes = models(access.server(), keys)
    return {
        "process_id": process_id,
        "process": process_name(processes[source.key]),
        "versions": found,
        "people": deployers(found),
        "source": source,
        "target": target,
        "source_model": processes[source.key],
        "target_model": None if target is None else processes[target.key],
        "drawings": None if target is None else drawings(process_id, source, target),
    }


def _submitted(values: Mapping[str, Any]) -> dict[str, str]:
    """The mapping by ids, with what the form says of some elements; an empty target maps nothing."""
    mapping = dict(engine.same_ids(values["source_model"], values["target_model"]))
    for name, target in request.form.items():
        if name.startswith(MAPPED):
            mapping[name.removeprefix(MAPPED)] = target
    return {element_id: target for element_id, target in mapping.items() if target}


def _mapped(
    values: Mapping[str, Any], keys: Sequence[int], mapping: Mapping[str, str], checks: Sequence[MigrationCheck]
) -> list[Row]:
    active, awaited = places(access.server(), keys)
    return rows(values["source_model"], values["target_model"], (active, awaited), mapping, checks)


def _answer(template: str, status: int, values: Mapping[str, Any]) -> Response:
    part = "instances/mapping.html" if template.startswith("instances") else "processes/mapping.html"
    return answers.html(part if answers.target() == "mapping" else template, status, **values)
