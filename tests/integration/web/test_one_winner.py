"""A hundred clients complete one task at once, over HTTP, on two servers of one database: the losers learn who won."""

from __future__ import annotations

import re
import threading
from collections import Counter
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from bpm_server.store.database import Database
from bpm_server.web.app import create_app
from tests.support.product import Product
from tests.support.rest import add_person, served
from tests.support.running import Answer, Api

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.rest import Rest

from tests.support.worlds import two_tasks

CLIENTS = 100
PEOPLE = 10


def complete(api: Api, task: str, gate: threading.Barrier, results: list[Any], number: int) -> None:
    api("GET", "/v2/topology")  # the connection is open before the gate is
    gate.wait()
    try:
        results[number] = (204, api("POST", f"/v2/user-tasks/{task}/completion", {"variables": {"by": number}}))
    except Answer as answer:
        results[number] = (answer.status, answer.body)
    finally:
        api.close()


def test_exactly_one_of_a_hundred_completions_counts(bpm: Product, rest: Rest, tmp_path: Path) -> None:
    people = [f"person{n}" for n in range(PEOPLE)]
    tokens = [add_person(bpm, name, roles=("admin",)) for name in people]
    rest.upload(("p.bpmn", two_tasks()))
    instance = rest.post("/v2/process-instances", {"processDefinitionId": "p"})["processInstanceKey"]
    task = str(bpm.task("a").key)
    url = bpm.server.database.engine.url.render_as_string(hide_password=False)
    with ExitStack() as stack:
        ports = []
        for _ in range(2):
            database = Database(url, pool_size=20)
            stack.callback(database.dispose)
            app = create_app(Product.on(database, tmp_path).server)
            ports.append(int(stack.enter_context(served(app, threads=8)).rpartition(":")[2]))
        gate, results = threading.Barrier(CLIENTS), [None] * CLIENTS
        clients = [
            threading.Thread(target=complete, args=(Api(ports[n % 2], tokens[n % PEOPLE]), task, gate, results, n))
            for n in range(CLIENTS)
        ]
        for client in clients:
            client.start()
        for client in clients:
            client.join()
    assert Counter(status for status, _ in results) == {204: 1, 409: CLIENTS - 1}, results
    winner = next(n for n, (status, _) in enumerate(results) if status == 204)
    who = people[winner % PEOPLE]
    for status, body in results:
        if status == 409:
            assert re.search(rf"completed by {who} at 2026-01-01", body["detail"]), body
            assert (body["code"], body["endedBy"]) == ("wrong_state", who)
            assert body["endedAt"].startswith("2026-01-01T00:00:00")
    (by,) = rest.search("variables", filter={"processInstanceKey": instance, "name": "by"})
    assert by["value"] == str(winner)
    assert bpm.open_tasks() == []
    assert len(rest.search("jobs", filter={"processInstanceKey": instance})) == 1
