"""What ``bpm-server doctor`` finds: instances whose rows are not what their tokens need, and rows of nobody.

Each instance is read in a snapshot of its own, so the server may go on working. Memory holds one instance at a time.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from bpm_server import engine
from bpm_server.connectors.sealed_fields import EMAIL
from bpm_server.domain.consistency import Defect, compare, missing
from bpm_server.engine.state import token_keys
from bpm_server.kernel.errors import BpmError, InvalidInput, NotFound
from bpm_server.store import consistency as store
from bpm_server.store import identities, instances
from bpm_server.store.moments import read_moment
from bpm_server.store.recorded import Recorded
from bpm_server.store.strays import CHECKS, find_waiting

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine import Connection

    from bpm_server.services.server import Server
    from bpm_server.store.batch import InstanceRow
    from bpm_server.store.moments import Moment

KEYS_AT_ONCE = 500
LATE_AFTER = timedelta(minutes=15)
UNREADABLE = (BpmError, ValueError, TypeError, LookupError)
"""What reading a stored state may raise where it is damaged."""


def examine(server: Server, late_after: timedelta = LATE_AFTER) -> Iterator[Defect]:
    """Everything that is not as it must be: rows of nobody first, then instance by instance.

    Args:
        server: The server.
        late_after: Since when work must be due for a warning that nobody does it.
    """
    for check in CHECKS:
        with server.database.snapshot() as connection:
            yield from check.find(connection, read_moment(connection))
    with server.database.snapshot() as connection:
        yield from find_waiting(connection, read_moment(connection), late_after)
        yield from _addresses(server, connection)
    for key in running_instances(server):
        yield from examine_instance(server, key)


def _addresses(server: Server, connection: Connection) -> Iterator[Defect]:
    """Addresses of people that nobody can read, or find, or that everybody can."""
    table, box = EMAIL.table, server.secrets
    for row in identities.addresses(connection):
        if row.email is not None:
            message = (
                f"Expected the e-mail address of '{row.username}' sealed, but it is in plain text; "
                "run 'bpm-server migrate --finish'"
            )
            yield Defect("address-in-plain-text", message, table, row.username, severity="warning")
            continue
        try:
            text = EMAIL.open(box, row.username, row.email_sealed)
        except UNREADABLE as error:
            yield Defect("address-unreadable", str(error), table, row.username)
            continue
        if row.email_digest not in ([None] if text is None else EMAIL.digests(box, text)):
            message = (
                f"Expected to find '{row.username}' by e-mail address, but the blind index is of another one; "
                "run 'bpm-server secrets rotate'"
            )
            yield Defect("address-not-found", message, table, row.username)


def running_instances(server: Server) -> Iterator[int]:
    """Keys of all instances that run."""
    last = 0
    while True:
        with server.database.read() as connection:
            keys = store.active_keys(connection, last, KEYS_AT_ONCE)
        if not keys:
            return
        yield from keys
        last = keys[-1]


def examine_instance(server: Server, key: int) -> list[Defect]:
    """What is wrong with one instance; nothing where it has ended meanwhile."""
    with server.database.snapshot() as connection:
        moment = read_moment(connection)
        try:
            row = instances.read_instance(connection, key)
        except NotFound:
            return []
        return examine_row(server, connection, moment, row)


def examine_row(server: Server, connection: Connection, moment: Moment, row: InstanceRow) -> list[Defect]:
    """What is wrong with an instance that a transaction has read."""
    if row.ended_at is not None:
        return []
    defects = list(_steps(connection, row))
    try:
        compiled = server.definitions.process(connection, moment.definition_version, row.process_definition_key)
    except BpmError as error:
        message = f"Expected to read the process of instance '{row.key}', but {error.message}"
        return [
            *defects,
            Defect("definition-unreadable", message, "process_definition", row.process_definition_key, row.key),
        ]
    if (compiled.row.process_id, compiled.row.version) != (row.process_id, row.version):
        expected = f"{compiled.row.process_id} version {compiled.row.version}"
        message = f"Expected instance '{row.key}' to be of {expected}, but found {row.process_id} version {row.version}"
        place = {"process_id": compiled.row.process_id, "version": compiled.row.version}
        how = "writes what its definition says"
        defects.append(Defect("other-definition", message, "process_instance", row.key, row.key, how, place=place))
    try:
        stored = instances.load_tokens(connection, row.key, token_keys, None)
        parts = engine.Stored(stored.root, stored.chunks, stored.complete, stored.variables, stored.outputs)
        needed = engine.needed(engine.load(compiled.definition, parts))
    except UNREADABLE as error:
        message = f"Expected the state of instance '{row.key}' to load, but found: {error}"
        return [*defects, Defect("state-unreadable", message, "process_instance", row.key, row.key)]
    found = store.read_found(connection, row.key, suspended=row.suspended)
    defects += compare(row.key, needed, found)
    if needed.timers - set(found.timers):
        try:
            recorded = Recorded(connection, row, moment)
        except InvalidInput as error:
            return [*defects, Defect("journal-unreadable", error.message, "journal", row.key, row.key)]
        running = {(values["element_key"], values["event_id"]) for values in recorded.batch.timers.values()}
        lost = (needed.timers & running) - set(found.timers)
        defects += [missing(row.key, "timer", place) for place in sorted(lost)]
    if row.incidents != len(found.incidents):
        number = len(found.incidents)
        message = f"Expected instance '{row.key}' to count {number} open incidents, but it counts {row.incidents}"
        defects.append(Defect("incident-count", message, "process_instance", row.key, row.key, "counts them"))
    return defects


def _steps(connection: Connection, row: InstanceRow) -> Iterator[Defect]:
    last = store.last_sequence(connection, row.key)
    if last > row.lock_version:
        message = (
            f"Expected instance '{row.key}' to count {last} steps of its journal, but it counts {row.lock_version}"
        )
        yield Defect("step-count", message, "process_instance", row.key, row.key, "counts them", place=last)
    elif last < row.lock_version:
        message = f"Expected {row.lock_version} steps of instance '{row.key}' in the journal, but it ends with {last}"
        yield Defect("journal-cut", message, "journal", row.key, row.key)
