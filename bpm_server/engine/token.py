"""A token at an element: SpiffWorkflow's task, made cheap.

The parent is the enclosing scope (not the task before), ``data`` holds only that scope's local variables,
``facts`` what the engine must remember, ``phase`` how far the element got.

Overrides of SpiffWorkflow 3.2.0 and why: ``__init__`` (draws a UUID and reads the clock), ``parent`` and
``children`` (look ids up in a dict), ``_set_state`` (builds a log record before the level is checked: two thirds
of the time), ``cancel`` (drops children without telling their specs).
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Any

from SpiffWorkflow.task import Task
from SpiffWorkflow.util.task import TaskState

if TYPE_CHECKING:
    from bpm_server.engine.element import Element
    from bpm_server.engine.instance import Instance

FUTURE, WAITING, READY, STARTED = TaskState.FUTURE, TaskState.WAITING, TaskState.READY, TaskState.STARTED
COMPLETED, CANCELLED = TaskState.COMPLETED, TaskState.CANCELLED


class Phase(IntEnum):
    """How far an element got. Stored: never renumber."""

    NEW = 0
    ASYNC_BEFORE = 1
    ACTIVATE = 2
    INPUTS = 3
    START_LISTENERS = 4
    SUBSCRIBE = 5
    WORK = 6
    WAITING = 7
    OUTPUTS = 8
    END_LISTENERS = 9
    ASYNC_AFTER = 10
    CHOOSE = 11
    DONE = 12


class Token(Task):
    """One live element instance."""

    id: int
    workflow: Instance
    task_spec: Element

    def __init__(self, workflow: Instance, task_spec: Element, parent: Token | None, key: int) -> None:
        # Deliberately no super().__init__(): see the module's text.
        self.id = key
        self.workflow = workflow
        self.task_spec = task_spec
        self._parent = parent
        self._children: dict[int, Token] = {}
        self._state = FUTURE
        self.triggered = False
        self.data: dict[str, Any] | None = None
        self.facts: dict[str, Any] | None = None
        self.phase: int = Phase.NEW
        self.chunk: Token = self if parent is None else parent.chunk
        self.chosen: tuple[Any, ...] | None = None
        workflow.tasks[key] = self
        if parent is not None:
            parent._children[key] = self

    @property
    def parent(self) -> Token | None:
        """The enclosing scope; None for the process itself."""
        return self._parent

    @property
    def children(self) -> list[Token]:
        """Live tokens inside this scope."""
        return list(self._children.values())

    @property
    def scope(self) -> Token:
        """The enclosing scope of a token that has one."""
        parent = self._parent
        assert parent is not None  # noqa: S101
        return parent

    @property
    def chunk_key(self) -> int:
        """Key of the multi-instance item whose state holds this token, 0 for the instance's own state."""
        return 0 if self.chunk._parent is None else self.chunk.id

    def remember(self, name: str, value: Any) -> None:
        """Keeps a fact with the state; None forgets it."""
        if self.facts is None:
            self.facts = {}
        if value is None:
            self.facts.pop(name, None)
        else:
            self.facts[name] = value
        self.workflow.touch(self)

    def recall(self, name: str) -> Any:
        """A fact, or None."""
        return None if self.facts is None else self.facts.get(name)

    def has_ended(self) -> bool:
        """Whether it is completed or cancelled."""
        return bool(self._state >= COMPLETED)

    def _set_state(self, value: int) -> None:
        # Task.run sets STARTED after _run_hook even where the task was cancelled meanwhile.
        if self._state >= COMPLETED:
            return
        self._state = value
        self.workflow.touch(self)

    def cancel(self) -> None:
        """Terminates this token and everything inside it."""
        self.workflow.terminate(self)
