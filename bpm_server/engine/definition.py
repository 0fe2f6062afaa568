"""A compiled process: immutable, shared by all its instances in this server process."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from SpiffWorkflow.specs.WorkflowSpec import WorkflowSpec

if TYPE_CHECKING:
    from bpm_server.bpmn.model import Dialect, Event, Process
    from bpm_server.engine.element import Element
    from bpm_server.engine.scopes import ProcessScope

CatchRole = Literal["own", "boundary", "event-sub-process", "gateway"]


@dataclass(frozen=True, slots=True)
class Catch:
    """An event that a token waits for, and what happens when it comes.

    Attributes:
        target: The element to enter: the boundary event, the event sub-process, or the event behind a
            gateway; the waiting element itself for its own event.
    """

    event_id: str
    event: Event
    role: CatchRole
    interrupting: bool
    target: Element


@dataclass(slots=True)
class Definition:
    """One process, compiled.

    Attributes:
        elements: Every element by BPMN id; for a multi-instance the body.
        items: The inner activity of a multi-instance by BPMN id.
        root: The process itself as a scope.
        watched_by_items: Variables that conditional events inside a multi-instance read.
    """

    process: Process
    dialect: Dialect
    workflow_spec: WorkflowSpec = field(init=False)
    elements: dict[str, Element] = field(default_factory=dict)
    items: dict[str, Element] = field(default_factory=dict)
    root: ProcessScope = field(init=False)
    has_inclusive: bool = False
    has_conditional: bool = False
    watched_by_items: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        self.workflow_spec = WorkflowSpec(self.process.id, addstart=False)

    @property
    def id(self) -> str:
        """The BPMN process id."""
        return self.process.id

    def has_task_listeners(self, element_id: str) -> bool:
        """Whether changes of the user tasks at this element are heard by listeners."""
        element = self.items.get(element_id) or self.elements.get(element_id)
        return bool(getattr(element, "listeners", None))

    @property
    def counts_from(self) -> int:
        """The first ``loopCounter``: 1 in Camunda 8, 0 in Camunda 7."""
        return 1 if self.dialect == "camunda8" else 0
