"""The words for states, as Camunda's REST contract has them where it has one."""

from __future__ import annotations

from enum import StrEnum


class InstanceState(StrEnum):
    """Of a process instance."""

    ACTIVE = "ACTIVE"
    COMPLETED = "COMPLETED"
    TERMINATED = "TERMINATED"
    SUSPENDED = "SUSPENDED"


class ElementState(StrEnum):
    """Of an element instance."""

    ACTIVE = "ACTIVE"
    COMPLETED = "COMPLETED"
    TERMINATED = "TERMINATED"


class TaskState(StrEnum):
    """Of a user task; in the words that end in ``ING`` its listeners are at work."""

    CREATING = "CREATING"
    CREATED = "CREATED"
    ASSIGNING = "ASSIGNING"
    UPDATING = "UPDATING"
    COMPLETING = "COMPLETING"
    CANCELING = "CANCELING"
    COMPLETED = "COMPLETED"
    CANCELED = "CANCELED"


class JobState(StrEnum):
    """Of a job."""

    CREATED = "CREATED"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    ERROR_THROWN = "ERROR_THROWN"
    CANCELED = "CANCELED"


class IncidentState(StrEnum):
    """Of an incident."""

    ACTIVE = "ACTIVE"
    RESOLVED = "RESOLVED"


class DeliveryState(StrEnum):
    """Of a webhook delivery."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    FAILED = "failed"
    CANCELED = "canceled"


class MailState(StrEnum):
    """Of a mail."""

    WAITING = "waiting"
    SENT = "sent"
    """The mail server has taken it."""
    FAILED = "failed"
    DROPPED = "dropped"
    """There was nothing left to say, or nobody to say it to."""


class BatchOperationState(StrEnum):
    """Of a batch operation. COMPLETED: every item was tried, whatever came of it."""

    CREATED = "CREATED"
    ACTIVE = "ACTIVE"
    SUSPENDED = "SUSPENDED"
    COMPLETED = "COMPLETED"
    CANCELED = "CANCELED"


class BatchItemState(StrEnum):
    """Of one item of a batch operation. SKIPPED: there was nothing left to do when its turn came."""

    ACTIVE = "ACTIVE"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    SKIPPED = "SKIPPED"
    CANCELED = "CANCELED"
