"""The names of SpiffWorkflow that the engine relies on are the ones it was built against.

The engine overrides and calls private hooks. When SpiffWorkflow is updated, read the difference of each function
listed here, check that the engine's reading of it still holds (docs/adr/0001-engine-design.md), then update the hash.
"""

from __future__ import annotations

import hashlib
import inspect

import pytest
import SpiffWorkflow
from SpiffWorkflow.specs.base import TaskSpec
from SpiffWorkflow.specs.WorkflowSpec import WorkflowSpec
from SpiffWorkflow.task import Task
from SpiffWorkflow.util.task import TaskState
from SpiffWorkflow.workflow import Workflow

FROZEN = {
    (Task, "__init__"): "5d98d6df6c602dfb",
    (Task, "_set_state"): "86c4c1d22dc9b70f",
    (Task, "_ready"): "4c051bb2c2a3d259",
    (Task, "run"): "976c46e260fe7f72",
    (Task, "complete"): "3ad34f7ae962ad90",
    (Task, "cancel"): "16a6cc6f7ea48468",
    (Task, "has_state"): "51bfc706797e11e1",
    (TaskSpec, "__init__"): "df987d5843e7f374",
    (TaskSpec, "_update"): "6b138d31ca684e6b",
    (TaskSpec, "_on_ready"): "c0c43ec078d31a59",
    (TaskSpec, "_run"): "dac36fd701341359",
    (TaskSpec, "_on_complete"): "95d4b21bfa422d45",
    (TaskSpec, "connect"): "80f6471ca8837630",
    (Workflow, "__init__"): "a179a75739481275",
    (Workflow, "_task_completed_notify"): "a87c9bea38b2f71e",
    (WorkflowSpec, "_add_notify"): "2522e219845e960e",
}


def digest(owner: type, name: str) -> str:
    return hashlib.sha256(inspect.getsource(getattr(owner, name)).encode()).hexdigest()[:16]


@pytest.mark.parametrize(("owner", "name"), FROZEN, ids=[f"{o.__name__}.{n}" for o, n in FROZEN])
def test_a_function_that_the_engine_relies_on_is_unchanged(owner: type, name: str) -> None:
    assert digest(owner, name) == FROZEN[owner, name], f"{owner.__name__}.{name} changed in {SpiffWorkflow.__name__}"


def test_the_states_keep_their_order() -> None:
    """``Token._set_state`` and ``has_ended`` compare them; stored states hold their numbers."""
    assert (TaskState.FUTURE, TaskState.WAITING, TaskState.READY, TaskState.STARTED) == (4, 8, 16, 32)
    assert (TaskState.COMPLETED, TaskState.ERROR, TaskState.CANCELLED) == (64, 128, 256)
