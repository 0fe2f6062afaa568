"""A small company that wrong requests must leave as it is; shared by the tests of a module."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bpm_server.services import identities
from bpm_server.store.database import Database
from tests.support.bpmn_builder import Process, multi_instance
from tests.support.contents import contents
from tests.support.product import START, Product
from tests.support.rest import PASSWORD, Rest, add_person, application

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.rest import Answer


def two_tasks(process_id: str = "p") -> bytes:
    """User task ``a``, service task ``j``, user task ``b``."""
    p = Process(process_id)
    p.path(p.start(), p.user("a"), p.service("j", "work"), p.user("b"), p.end())
    return p.xml()


def message_process() -> bytes:
    p = Process("waits")
    p.message("m", "paid", "=order")
    p.path(p.start(), p.add("receiveTask", "r", multi_instance("=[1]"), messageRef="m"), p.end())
    return p.xml()


@dataclass
class World:
    """The product, its administrator over HTTP, and what is there.

    Attributes:
        task: Key of an open user task.
        instance: Key of the instance that it belongs to.
        definition: Key of its process definition.
        cookie: A session of the administrator's browser.
    """

    bpm: Product
    rest: Rest
    nobody: Rest
    task: int
    instance: int
    definition: str
    cookie: str

    @contextmanager
    def unchanged(self) -> Iterator[None]:
        """Nothing in any table is another after the block."""
        before = contents(self.bpm)
        yield
        after = contents(self.bpm)
        changed = [name for name in before if before[name] != after[name]]
        assert not changed, {name: (before[name][-3:], after[name][-3:]) for name in changed}

    def refused(self, answer: Answer, status: int = 400) -> Answer:
        """The answer is a problem as RFC 9457 has it, and says what was expected."""
        assert answer.status == status, answer.body
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert {"type", "title", "status", "detail", "instance"} <= set(answer.body)
        assert answer["status"] == status
        assert "Expected" in answer["detail"], answer["detail"]
        return answer


@contextmanager
def world(url: str, folder: Path) -> Iterator[World]:
    """A company on a fresh database."""
    database = Database(url, pool_size=20)
    bpm, nobody = application(Product.on(database, folder))
    bpm.clock.set(START)
    rest = nobody.as_(add_person(bpm, "root", roles=("admin",)))
    deployed = rest.upload(("p.bpmn", two_tasks()), ("waits.bpmn", message_process()))
    started = rest.post("/v2/process-instances", {"processDefinitionId": "p", "variables": {"amount": 5}})
    rest.post("/v2/process-instances", {"processDefinitionId": "waits", "variables": {"order": "o1"}})
    bpm.deliver()
    yield World(
        bpm,
        rest,
        nobody,
        bpm.task("a").key,
        int(started["processInstanceKey"]),
        deployed["deployments"][0]["processDefinition"]["processDefinitionKey"],
        identities.sign_in(bpm.server, "root", PASSWORD),
    )
    database.dispose()
