"""The engine alone on random processes and paths: saving and loading after every command changes nothing."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, note
from hypothesis import strategies as st

from bpm_server.domain import commands as c
from bpm_server.engine.token import Phase
from tests.support.engine_world import World
from tests.support.random_process import random_camunda7_process, random_process
from tests.support.randomly import randomly

if TYPE_CHECKING:
    from tests.support.random_process.process import Blocks

STEPS = 60
pytestmark = pytest.mark.timeout(7_200)  # a failure is made small before it is shown


def draw_process(data: st.DataObject) -> Blocks:
    """One in five in the Camunda 7 dialect."""
    other = data.draw(st.integers(0, 4)) == 4
    drawing = random_camunda7_process(data.draw) if other else random_process(data.draw)
    note(drawing.process.xml().decode())
    return drawing


def start(drawing: Blocks, **options: bool) -> World:
    return World.of(drawing.process.xml(), **options).start(drawing.variables)


def actions(world: World, drawing: Blocks) -> list[c.Command]:
    """Everything that could happen next, in a stable order."""
    found: list[c.Command] = [c.CompleteTask(key, {"n": key % 7}, task.chunk) for key, task in world.tasks.items()]
    for job in world.jobs.values():
        if job.kind == "async":
            found.append(c.Continue(job.element_key, job.chunk))
        else:
            found.append(c.CompleteJob(job.element_key, {"n": job.key % 5}, job.chunk))
    for wait in world.waits.values():
        found.append(c.TriggerEvent(wait.element_key, wait.event_id, {"n": wait.key % 3}, wait.chunk))
    for clock in world.timers.values():
        found.append(c.FireTimer(clock.element_key, clock.event_id, clock.due_at, clock.repetitions, clock.chunk))
    down = [flag for flag in drawing.flags if world.process_variables().get(flag) is not True]
    found += [c.SetVariables(world.key, {flag: True}) for flag in down]
    return found + _errors(world, drawing)


def _errors(world: World, drawing: Blocks) -> list[c.Command]:
    """BPMN errors that something catches."""
    return [
        c.ThrowError(job.element_key, code, None, {}, job.chunk)
        for job in world.jobs.values()
        if job.element_key in world.instance.tasks
        for code in drawing.codes
        if world.instance.throwing.catches_error(world.instance.find(job.element_key), code, world.now)
    ]


def check_consistent(world: World) -> None:
    """Tokens of the engine and rows of the world agree."""
    if world.finished:
        assert not world.active, f"finished with active elements {world.active}"
        assert not world.tasks and not world.jobs and not world.timers and not world.waits
        return
    assert not world.incidents, world.incidents
    tokens = {key: token for key, token in world.instance.tasks.items() if token.task_spec.announces}
    assert {key for key, token in tokens.items() if token.phase > Phase.ACTIVATE} == set(world.active)
    assert set(world.tasks) <= set(world.active)
    assert set(world.jobs) <= set(tokens)


def begins_more(world: World, command: c.Command) -> bool:
    """Whether it would start a handler that can be started again and again."""
    return isinstance(command, c.TriggerEvent) and any(
        not wait.interrupting and wait.event_id == command.event_id for wait in world.waits.values()
    )


@randomly(50)
@given(data=st.data())
def test_saving_and_loading_after_every_command_changes_nothing(data: st.DataObject) -> None:
    drawing = draw_process(data)
    straight = start(drawing)
    reloaded = World(straight.definition, reload=True, partial=data.draw(st.booleans())).start(drawing.variables)
    check_consistent(straight)
    for _ in range(STEPS):
        if straight.finished:
            break
        possible = actions(straight, drawing)
        assert possible, f"nothing can happen, but these are active: {Counter(straight.active.values())}"
        command = possible[data.draw(st.integers(0, len(possible) - 1))]
        note(str(command))
        straight.do(command)
        reloaded.do(command)
        assert straight.log == reloaded.log
        check_consistent(straight)
        assert straight.chunks == reloaded.chunks
        assert straight.outputs == reloaded.outputs
    assert straight.finished == reloaded.finished
    assert straight.result == reloaded.result


@randomly(5)
@given(data=st.data())
def test_every_process_ends_when_everything_is_done(data: st.DataObject) -> None:
    drawing = draw_process(data)
    world = start(drawing)
    for _ in range(2_000):
        if world.finished:
            return
        possible = [a for a in actions(world, drawing) if not isinstance(a, c.ThrowError) and not begins_more(world, a)]
        world.do(possible[0])
    raise AssertionError(f"not finished after 2,000 commands: {Counter(world.active.values())}")


@randomly(5)
@given(data=st.data())
def test_cancelling_leaves_nothing_behind(data: st.DataObject) -> None:
    drawing = draw_process(data)
    world = start(drawing)
    for _ in range(data.draw(st.integers(0, 10))):
        if world.finished:
            return
        possible = actions(world, drawing)
        world.do(possible[data.draw(st.integers(0, len(possible) - 1))])
    if world.finished:
        return
    world.reload = True
    world.do(c.CancelInstance())
    assert world.finished
    check_consistent(world)
