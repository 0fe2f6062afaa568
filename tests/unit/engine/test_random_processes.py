"""Random processes on random paths: saving and loading after every command changes nothing.

``BPM_RANDOM_PROCESSES`` sets how many (``make proof`` uses many); Hypothesis prints how to repeat a failure.
"""

from __future__ import annotations

import os
from collections import Counter

from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from bpm_server.domain import commands as c
from tests.support.engine_world import World
from tests.support.random_process import actions, random_process

EXAMPLES = int(os.environ.get("BPM_RANDOM_PROCESSES", "300"))
STEPS = 60
VARIABLES = {"n": 1, "items": ["a", "b", "c"]}


def check_consistent(world: World) -> None:
    """Tokens of the engine and rows of the world agree."""
    if world.finished:
        assert not world.active, f"finished with active elements {world.active}"
        assert not world.tasks and not world.jobs and not world.timers and not world.waits
        return
    assert not world.incidents, world.incidents
    announced = {key for key, token in world.instance.tasks.items() if token.task_spec.announces}
    assert announced == set(world.active)
    for open_rows in (world.tasks, world.jobs):
        assert set(open_rows) <= announced


def begins_more(world: World, command: c.Command) -> bool:
    """Whether it would start a handler that can be started again and again."""
    return isinstance(command, c.TriggerEvent) and any(
        not wait.interrupting and wait.event_id == command.event_id for wait in world.waits.values()
    )


@settings(
    max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True, derandomize=False
)
@given(data=st.data())
def test_saving_and_loading_after_every_command_changes_nothing(data: st.DataObject) -> None:
    drawing = random_process(data.draw)
    xml = drawing.process.xml()
    note(xml.decode())
    straight = World.of(xml).start(VARIABLES)
    reloaded = World(straight.definition, reload=True, partial=data.draw(st.booleans())).start(VARIABLES)
    check_consistent(straight)
    for _ in range(STEPS):
        if straight.finished:
            break
        possible = actions(straight)
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


@settings(max_examples=max(EXAMPLES // 5, 20), deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_every_process_ends_when_everything_is_done(data: st.DataObject) -> None:
    world = World.of(random_process(data.draw).process.xml()).start(VARIABLES)
    for _ in range(2_000):
        if world.finished:
            return
        possible = [a for a in actions(world) if not isinstance(a, c.ThrowError) and not begins_more(world, a)]
        world.do(possible[0])
    raise AssertionError(f"not finished after 2,000 commands: {Counter(world.active.values())}")


@settings(max_examples=max(EXAMPLES // 5, 20), deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_cancelling_leaves_nothing_behind(data: st.DataObject) -> None:
    world = World.of(random_process(data.draw).process.xml()).start(VARIABLES)
    for _ in range(data.draw(st.integers(0, 10))):
        if world.finished:
            return
        possible = actions(world)
        world.do(possible[data.draw(st.integers(0, len(possible) - 1))])
    if world.finished:
        return
    world.reload = True
    world.do(c.CancelInstance())
    assert world.finished
    check_consistent(world)
