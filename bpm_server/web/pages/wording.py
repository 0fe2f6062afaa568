"""What designers wrote into processes and forms, in the visitor's language.

The drawn name is Chinese; an extension property such as ``name.en`` holds it in another language.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from bpm_server.bpmn.model import GATEWAYS
from bpm_server.domain.approvals.node import Outcome
from bpm_server.domain.approvals.policy import is_approval
from bpm_server.domain.forms.references import properties_of
from bpm_server.domain.tasks import POSITIVE
from bpm_server.web.pages.texts import gettext as _
from bpm_server.web.pages.visitor import visitor

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bpm_server.bpmn.model import Process

KNOWN_ICONS = {"approved": "check", "rejected": "x", "returned": "arrow-back-up"}


def in_language(properties: Mapping[str, str], name: str, default: str | None = None) -> str:
    """A property in the visitor's language, else as it stands in the model."""
    language = visitor().language
    for suffix in (f".{language}", f".{language.partition('-')[0]}"):
        found = properties.get(name + suffix)
        if found:
            return found
    return (default if default is not None else properties.get(name)) or ""


def process_name(process: Process) -> str:
    """What people call a process."""
    return in_language(process.properties, "name", process.name) or process.id


def element_name(process: Process, element_id: str, name: str | None = None) -> str:
    """What people call a step; ``name`` is what a row says, for elements that the model lacks."""
    node = process.nodes.get(element_id)
    if node is None:
        return name or element_id
    return in_language(node.properties, "name", node.name or name) or element_id


def place_name(process: Process, element_id: str) -> str:
    """What people call an element, also a gateway that has no name: by what comes after or before it."""
    node = process.nodes.get(element_id)
    own = element_name(process, element_id)
    if node is None or own != element_id or node.type not in GATEWAYS:
        return own
    after = [process.flows[flow_id].target for flow_id in node.outgoing]
    before = [process.flows[flow_id].source for flow_id in node.incoming]
    for neighbour in (*after, *before):
        step = element_name(process, neighbour)
        if step != neighbour:
            if neighbour in after:
                return _("the gateway before ‘%(step)s’", step=step)
            return _("the gateway after ‘%(step)s’", step=step)
    return own


def outcomes(process: Process, element_id: str) -> tuple[str, ...]:
    """The outcomes that a review offers, in the model's order; of an approval node yes and no."""
    node = process.nodes.get(element_id)
    if node is not None and is_approval(node.properties):
        return (Outcome.APPROVED, Outcome.REJECTED)
    text = "" if node is None else node.properties.get("outcomes", "")
    return tuple(filter(None, (name.strip() for name in text.split(","))))


def outcome_name(outcome: str, process: Process | None = None, element_id: str = "") -> str:
    """The word on a button or a badge; a model may set its own by the property ``outcome.<name>``."""
    node = None if process is None else process.nodes.get(element_id)
    own = "" if node is None else in_language(node.properties, f"outcome.{outcome}")
    known = {
        "approved": _("Approve"),
        "rejected": _("Reject"),
        "returned": _("Return"),
    }
    return own or known.get(outcome, outcome)


def outcome_done(outcome: str) -> str:
    """How a decision is told afterwards."""
    known = {
        "approved": _("Approved"),
        "rejected": _("Rejected"),
        "returned": _("Returned"),
        "transferred": _("Transferred"),
    }
    return known.get(outcome, outcome)


def outcome_tone(outcome: str) -> str:
    """Colour of a decision: yes, no, or back."""
    if outcome in POSITIVE:
        return "green"
    return {"rejected": "red", "returned": "orange"}.get(outcome, "azure")


def web_address(text: str | None) -> str:
    """An address that a browser may be sent to: http, https, or of this server; empty for anything else."""
    plain = (text or "").strip()
    if plain.lower().startswith(("http://", "https://")) or (plain.startswith("/") and not plain.startswith("//")):
        return plain
    return ""


def job_state(state: str) -> str:
    """How a job stands."""
    known = {
        "CREATED": _("To do"),
        "COMPLETED": _("Done"),
        "FAILED": _("Failed"),
        "ERROR_THROWN": _("Ended with an error"),
        "CANCELED": _("Cancelled"),
    }
    return known.get(state, state)


def instance_state(state: str) -> str:
    """How a case stands, without a look at its end."""
    known = {
        "ACTIVE": _("In progress"),
        "SUSPENDED": _("Suspended"),
        "COMPLETED": _("Completed"),
        "TERMINATED": _("Cancelled"),
    }
    return known.get(state, state)


def batch_kind(kind: str) -> str:
    """What a batch operation does."""
    known = {
        "CANCEL_PROCESS_INSTANCE": _("Cancel cases"),
        "DELETE_PROCESS_INSTANCE": _("Delete cases"),
        "RESOLVE_INCIDENT": _("Try stuck steps again"),
        "MODIFY_PROCESS_INSTANCE": _("Move steps of cases"),
        "MIGRATE_PROCESS_INSTANCE": _("Migrate cases"),
        "SUSPEND_PROCESS_INSTANCE": _("Suspend cases"),
        "RESUME_PROCESS_INSTANCE": _("Resume cases"),
        "HANDOVER": _("Hand over tasks"),
    }
    return known.get(kind, kind)


def batch_state(state: str) -> tuple[str, str]:
    """How a batch operation or one of its items stands, and its colour."""
    known = {
        "CREATED": (_("Waiting"), "azure"),
        "ACTIVE": (_("In progress"), "blue"),
        "SUSPENDED": (_("Paused"), "yellow"),
        "COMPLETED": (_("Completed"), "green"),
        "CANCELED": (_("Cancelled"), "secondary"),
        "FAILED": (_("Failed"), "red"),
        "SKIPPED": (_("Not needed any more"), "secondary"),
    }
    return known.get(state, (state, "secondary"))


def incident_kind(kind: str) -> str:
    """What sort of trouble a step has."""
    known = {
        "JOB_NO_RETRIES": _("All tries failed"),
        "LISTENER_NO_RETRIES": _("All tries failed"),
        "PROCESS_NO_RETRIES": _("All tries failed"),
        "CALLED_DECISION_ERROR": _("The decision is missing"),
        "CALLED_ELEMENT_ERROR": _("The called process is missing"),
        "CONDITION_ERROR": _("A condition cannot be decided"),
        "DECISION_EVALUATION_ERROR": _("A decision cannot be made"),
        "EXTRACT_VALUE_ERROR": _("An expression fails"),
        "IO_MAPPING_ERROR": _("Data cannot be handed over"),
        "UNHANDLED_ERROR_EVENT": _("Nobody catches an error"),
        "SECRET_RESOLUTION_ERROR": _("A secret is missing"),
    }
    return known.get(kind, kind)


def translated_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """A form in the visitor's language.

    A component's property ``label.en`` replaces its ``label``; a path reaches inside: ``columns.0.label.en``.
    """
    language = visitor().language
    suffixes = (f".{language}", f".{language.partition('-')[0]}")
    result: dict[str, Any] = copy.deepcopy(dict(schema))
    stack: list[Any] = [result]
    while stack:
        component = stack.pop()
        if not isinstance(component, dict):
            continue
        for name, text in properties_of(component).items():
            suffix = next((one for one in suffixes if name.endswith(one)), None)
            if suffix is not None and isinstance(text, str):
                _replace(component, name.removesuffix(suffix).split("."), text)
        children = component.get("components")
        stack.extend(children if isinstance(children, list) else ())
    return result


def _replace(component: dict[str, Any], path: list[str], text: str) -> None:
    """Puts the text where the path says, if text is there already."""
    place: Any = component
    for step in path[:-1]:
        if isinstance(place, list) and step.isdigit() and int(step) < len(place):
            place = place[int(step)]
        elif isinstance(place, dict):
            place = place.get(step)
        else:
            return
    if isinstance(place, dict) and isinstance(place.get(path[-1]), str):
        place[path[-1]] = text
