"""Removing ended instances whose time is over, whole call trees, a few in each transaction.

Where there is an archive, everything of them lies in a file, on the disk, before the first row is deleted. Whatever
stops the machine in between leaves rows that are archived again: an instance may be in two files, never in none. The
file is written with the trees locked, so that nothing can be added to them that the file does not have.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bpm_server.domain.retention import Ended
from bpm_server.services.authorization import authorize
from bpm_server.services.transaction import command, transaction
from bpm_server.store import deletion, history_files
from bpm_server.store import retention as store
from bpm_server.store.moments import read_moment

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from bpm_server.domain.identity import Actor
    from bpm_server.services.server import Server
    from bpm_server.services.transaction import Transaction

BATCH = 20
"""Call trees in one transaction."""
DUE = Ended()


@dataclass(slots=True)
class Removed:
    """What was removed.

    Attributes:
        trees: Root instances.
        instances: They and what they called.
        rows: By table.
        files: Of the archive.
    """

    trees: int = 0
    instances: int = 0
    rows: Counter[str] = field(default_factory=Counter)
    files: list[Path] = field(default_factory=list)

    def add(self, other: Removed) -> None:
        """Counts both together."""
        self.trees += other.trees
        self.instances += other.instances
        self.rows += other.rows
        self.files += other.files


def removable(server: Server, which: Ended = DUE, after: int = 0) -> list[int]:
    """The next roots to remove, seen without locks; see ``store.retention.removable_trees``."""
    with server.database.read() as connection:
        return store.removable_trees(connection, which, read_moment(connection).now, after, BATCH)


@command
def remove_ended(
    server: Server, actor: Actor, keys: Sequence[int], which: Ended = DUE, folder: Path | None = None
) -> Removed:
    """Removes those of the roots that may be removed, with everything that they called and every row of it.

    Left out are those that another cleanup removes at the same time. Audit log, documents that are not attached and
    items of batch operations stay.

    Args:
        server: The server.
        actor: Who removes.
        keys: Roots that :func:`removable` named.
        which: What it was asked.
        folder: The archive; None: without.

    Raises:
        OSError: the archive cannot be written; nothing was removed.
        Forbidden: the permission DELETE_PROCESS_INSTANCE is missing.
    """
    with transaction(server, actor) as tx:
        authorize(actor, "PROCESS_DEFINITION", "DELETE_PROCESS_INSTANCE")
        locked = store.lock_removable(tx.connection, which, tx.now, keys)
        if not locked:
            return Removed()
        trees = deletion.members(tx.connection, locked)
        files = [] if folder is None else [_archive(tx, folder, trees)]
        everything = [key for tree in trees.values() for key in tree]
        rows = store.delete_trees(tx.connection, everything)
    return Removed(len(locked), len(everything), Counter(rows), files)


def _archive(tx: Transaction, folder: Path, trees: Mapping[int, Sequence[int]]) -> Path:
    """The file stays when the transaction fails: whether a commit took effect is not always known."""

    def lines() -> Iterator[bytes]:
        for root_key, keys in trees.items():
            yield history_files.line(root_key, store.read_tree(tx.connection, keys))

    return history_files.write_file(folder, tx.now, str(next(iter(trees))), lines())
