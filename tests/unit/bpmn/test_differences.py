"""What is told as different between two versions of a process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bpm_server.bpmn.differences import compare
from bpm_server.bpmn.reader import read
from tests.support.bpmn_builder import Process, extensions

if TYPE_CHECKING:
    from bpm_server.bpmn import model


def model_of(*names: str, process_id: str = "p", kind: str = "userTask") -> model.Process:
    """A row of tasks: ``id`` or ``id Name``."""
    process = Process(process_id)
    process.start("s")
    ids = []
    for text in names:
        key, _, name = text.partition(" ")
        ids.append(process.add(kind, key, extensions("<zeebe:userTask/>"), name=name))
    process.path("s", *ids, process.end("e"))
    (found,) = read(process.xml(), name="p.bpmn").processes
    return found


def test_elements_are_the_same_by_their_ids() -> None:
    found = compare(model_of("a A", "b B"), model_of("b B", "c C"))
    assert (found.added, found.removed, found.changed) == (("c",), ("a",), ())


def test_another_name_or_kind_is_a_change() -> None:
    assert compare(model_of("a A"), model_of("a B")).changed == ("a",)
    assert compare(model_of("a A"), model_of("a A", kind="manualTask")).changed == ("a",)


def test_another_order_or_process_id_is_none() -> None:
    found = compare(model_of("a", "b"), model_of("b", "a", process_id="q"))
    assert not (found.added or found.removed or found.changed)
