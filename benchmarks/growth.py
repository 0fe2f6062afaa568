"""What grows and what must not: items of a multi-instance, turns of a loop, blocks in a row, elements of a file."""

from __future__ import annotations

import gc
import itertools
import statistics
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from bpm_server import bootstrap, bpmn, engine
from bpm_server.connectors.registry import Registry
from bpm_server.domain import commands as c
from bpm_server.domain.identity import SYSTEM
from bpm_server.engine.state import changes
from bpm_server.services import deployments, process_instances, tasks
from bpm_server.settings import Settings
from bpm_server.store import migrate
from bpm_server.store.database import Database
from bpm_server.store.tables.tasks import user_task
from tests.support import postgresql
from tests.support.engine_world import START, World
from tests.support.growing import BLOCKS, ELEMENTS, blocks, items, large, loop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bpm_server.domain.events import UserTaskCreated
    from bpm_server.services.server import Server

ITEMS = (10, 100, 1_000, 10_000)
SAMPLE = 200
"""Items that are completed and measured of each size; of ten all but the last, in several instances."""
OPENINGS = 3
TURNS = 10_000


def timed(act: Callable[[], Any]) -> float:
    """Seconds."""
    begun = time.perf_counter()
    act()
    return time.perf_counter() - begun


def undisturbed(costs: list[float]) -> float:
    """What it costs where nothing else runs: of all the tenth fastest in a hundred."""
    return statistics.quantiles(costs, n=10)[0]


# --- in memory ------------------------------------------------------------------------------------------


def items_in_memory() -> Iterator[tuple[str, str]]:
    """The engine alone; each completion loads its item from what was written and writes the item again."""
    first = 0.0
    for count in ITEMS:
        openings, costs = [], []
        while len(costs) < SAMPLE or len(openings) < OPENINGS:
            world = World.of(items(), "items")
            gc.collect()
            openings.append(timed(lambda w=world, n=count: w.start({"items": list(range(n))})))
            tasks_of_items = list(world.tasks.values())[: min(SAMPLE, count - 1)]
            with uncollected():
                costs += [complete_item(world, task) for task in tasks_of_items]
        cost = undisturbed(costs)
        first = first or cost
        yield of_items(f"{count:,} items in memory", cost, first, min(openings))


def complete_item(world: World, task: UserTaskCreated) -> float:
    """Seconds; always of the state after opening."""
    stored = world.stored(task.chunk)

    def step() -> None:
        instance = engine.load(world.definition, stored)
        command = c.CompleteTask(task.key, {"answer": "yes"}, task.chunk)
        changes(engine.advance(instance, command, world.context()).instance)

    return timed(step)


def of_items(label: str, cost: float, first: float, opening: float) -> tuple[str, str]:
    """A row: an item, its ratio to the first size's, and opening all."""
    return f"{label}: each / opening", f"{cost * 1e6:,.0f} µs ({cost / first:.2f} x) / {opening * 1e3:,.1f} ms"


@contextmanager
def uncollected() -> Iterator[None]:
    """Without the garbage collector, which would look through the lists of the measuring world."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def blocks_in_memory() -> Iterator[tuple[str, str]]:
    """Starting and what would be stored."""
    diagram = bpmn.read(blocks(), name="blocks.bpmn")
    definition = engine.compile_process(diagram.processes[0], diagram.dialect)
    keys = itertools.count(1)
    context = engine.Context(START, lambda: next(keys))
    costs, size = [], 0
    for _ in range(500):
        begun = time.perf_counter()
        outcome = engine.start(definition, c.StartInstance(next(keys), {}), context)
        costs.append(time.perf_counter() - begun)
        size = sum(len(data) for _, data in changes(outcome.instance).written.values())
    label = f"{BLOCKS} parallel blocks in a row: start / stored"
    yield label, f"{undisturbed(costs) * 1e3:.2f} ms / {size} bytes"


def loop_in_memory() -> Iterator[tuple[str, str]]:
    """First against last thousand turns."""
    world = World.of(loop(), "loop", reload=True).start()
    costs = []
    for _ in range(TURNS):
        task = world.task("turn")
        command = c.CompleteTask(task.key, {"more": True}, task.chunk)
        costs.append(timed(lambda k=command: world.do(k)))
        world.log.clear()
    yield thousands("loop in memory", costs)


def thousands(label: str, costs: list[float]) -> tuple[str, str]:
    """The first thousand turns beside the last."""
    first, last = undisturbed(costs[:1_000]), undisturbed(costs[-1_000:])
    return (
        f"{label}: first / last 1,000 turns",
        f"{first * 1e6:.0f} / {last * 1e6:.0f} µs ({last / first:.2f} x)",
    )


# --- durable --------------------------------------------------------------------------------------------


@contextmanager
def server_on(url: str) -> Iterator[Server]:
    database = Database(url)
    migrate.upgrade(database)
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data_dir=Path(folder), secret_key="benchmark-secret-key")
        yield bootstrap.build(settings, database=database, connectors=Registry())
    database.dispose()


def open_tasks(server: Server, instance: int, limit: int) -> list[int]:
    query = sa.select(user_task.c.key).where(user_task.c.instance_key == instance, user_task.c.state == "CREATED")
    with server.database.read() as connection:
        return list(connection.execute(query.order_by(user_task.c.key).limit(limit)).scalars())


def durable(name: str, url: str) -> Iterator[tuple[str, str]]:
    """Items, turns and deployment through the services, history on."""
    with server_on(url) as server:
        deployments.deploy(server, SYSTEM, {"items.bpmn": items(), "loop.bpmn": loop()})
        yield deployment(server, name)
        yield from durable_items(server, name)
        yield durable_loop(server, name)


def durable_items(server: Server, name: str) -> Iterator[tuple[str, str]]:
    first = 0.0
    for count in ITEMS:
        openings, costs = [], []
        while len(costs) < SAMPLE or len(openings) < OPENINGS:
            values = {"items": list(range(count))}
            begun = time.perf_counter()
            key = process_instances.start_process(server, SYSTEM, process_id="items", variables=values).key
            openings.append(time.perf_counter() - begun)
            found = open_tasks(server, key, min(SAMPLE, count - 1))
            costs += [timed(lambda t=task: tasks.complete_task(server, SYSTEM, t, {"answer": "yes"})) for task in found]
        cost = undisturbed(costs)
        first = first or cost
        yield of_items(f"{count:,} items, {name}", cost, first, min(openings))


def durable_loop(server: Server, name: str) -> tuple[str, str]:
    key = process_instances.start_process(server, SYSTEM, process_id="loop").key
    costs = []
    for _ in range(TURNS):
        (task,) = open_tasks(server, key, 1)
        costs.append(timed(lambda t=task: tasks.complete_task(server, SYSTEM, t, {"more": True})))
    return thousands(f"loop, {name}", costs)


def deployment(server: Server, name: str) -> tuple[str, str]:
    files = [{"large.bpmn": large(number=n)} for n in range(7)]
    costs = [timed(lambda f=file: deployments.deploy(server, SYSTEM, f)) for file in files]
    return f"deploying {ELEMENTS} elements, {name}", f"{statistics.median(costs) * 1e3:.0f} ms"


def run() -> Iterator[tuple[str, str]]:
    """Rows of the report, as they come."""
    for measure in (items_in_memory, blocks_in_memory, loop_in_memory):
        yield from measure()
    with tempfile.TemporaryDirectory() as folder:
        yield from durable("SQLite", f"sqlite:///{folder}/bench.db")
    with postgresql.cluster() as cluster:
        yield from durable("PostgreSQL", cluster.create("bench"))
