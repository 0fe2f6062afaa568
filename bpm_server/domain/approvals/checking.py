"""What is wrong with the approval nodes of a file, before it is deployed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bpm_server import feel
from bpm_server.bpmn.model import NodeType, UserWork
from bpm_server.domain.approvals.bulk import APPROVAL, TASK, bulk_problem
from bpm_server.domain.approvals.policy import ADMINISTRATOR, PREFIX, is_approval, read_policy
from bpm_server.domain.signers import read_rules
from bpm_server.kernel.errors import InvalidInput
from bpm_server.kernel.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from bpm_server.bpmn.model import Diagram, Node, Process

RULE = "approval-policy"
KNOWN = frozenset(
    PREFIX + name
    for name in (
        "mode", "signers", "threshold", "compare", "weights", "onReject", "anyRejectDecides", "initiator", "duplicates",
        "skipApproved", "returnTo", "afterReturn", "noSigner", "amount", "bulk",
        "copyAtStart", "copyAtEnd", "timeout", "timeoutAction",
    )
)  # fmt: skip
EXPRESSIONS = tuple(PREFIX + name for name in ("signers", "amount", "copyAtStart", "copyAtEnd"))
RULES = tuple(PREFIX + name for name in ("signers", "noSigner", "copyAtStart", "copyAtEnd"))


def approval_findings(diagram: Diagram, name: str) -> Iterator[Finding]:
    """One for each property that cannot be understood, that is not known, or that is where it has no effect."""
    for process in diagram.processes:
        for message in _process(process):
            yield Finding("error", RULE, message, process.id, process.name, process.line, file=name)
        for node in process.nodes.values():
            for message in _messages(process, node):
                yield Finding("error", RULE, message, node.id, node.name, node.line, file=name)


def _process(process: Process) -> Iterator[str]:
    for key in sorted(key for key in process.properties if key.startswith(PREFIX)):
        if key != ADMINISTRATOR:
            yield f"Expected '{ADMINISTRATOR}' as the only property of approvals of a process, but found '{key}'"
    yield from _rules(process.properties, (ADMINISTRATOR,))


def _messages(process: Process, node: Node) -> Iterator[str]:
    yield from _bulk(node)
    properties = {key: text for key, text in node.properties.items() if key.startswith(PREFIX)}
    if not properties:
        return
    if node.type is not NodeType.USER_TASK:
        yield f"Expected properties of an approval at a user task, but found them at a {node.type}"
        return
    if not is_approval(properties):
        yield f"Expected '{PREFIX}mode' beside the other properties of an approval, but found none"
        return
    if node.loop is not None:
        yield "Expected an approval with several signers or a multi-instance, but found both at one user task"
    if isinstance(node.work, UserWork) and node.work.listeners:
        moments = ", ".join(sorted({one.on for one in node.work.listeners}))
        yield f"Expected an approval without task listeners, which do not hear its acts, but found some of {moments}"
    for key in sorted(properties.keys() - KNOWN):
        yield f"Expected a property of an approval, but found '{key}'"
    try:
        allowed = read_policy(properties).return_to
    except InvalidInput as error:
        yield error.message
        allowed = ()
    for target in allowed:
        if target not in ("initiator", "previous") and target not in process.nodes:
            yield f"{PREFIX}returnTo: expected 'initiator', 'previous' or an element, but found '{target}'"
    yield from _values(properties)


def _bulk(node: Node) -> Iterator[str]:
    """The properties that say whether a task is decided together with others."""
    if TASK in node.properties and (node.type is not NodeType.USER_TASK or is_approval(node.properties)):
        yield f"Expected '{TASK}' at a user task that is no approval, but found it at '{node.id}'"
        return
    for key in (APPROVAL, TASK):
        if problem := bulk_problem(key, node.properties.get(key, "").strip()):
            yield problem


def _values(properties: Mapping[str, str]) -> Iterator[str]:
    for key in EXPRESSIONS:
        text = properties.get(key, "").strip()
        if text.startswith("="):
            try:
                feel.compile(text[1:])
            except feel.FeelSyntaxError as error:
                yield f"{key}: expected FEEL after '=', but {error}"
    yield from _rules(properties, RULES)


def _rules(properties: Mapping[str, str], keys: Iterable[str]) -> Iterator[str]:
    """Rules for people; FEEL only where it is evaluated."""
    for key in keys:
        text = properties.get(key, "").strip()
        if text.startswith("="):
            if key not in EXPRESSIONS:
                yield f"{key}: expected rules with commas between them, but found FEEL, which is not read here"
        elif text:
            try:
                read_rules([part.strip() for part in text.split(",") if part.strip()])
            except InvalidInput as error:
                yield f"{key}: {error.message}"
