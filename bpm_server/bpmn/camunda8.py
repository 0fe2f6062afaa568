"""The Camunda 8 dialect: ``zeebe:`` extension elements become the plain settings of ``model``.

Source: Camunda 8 documentation, "BPMN" reference pages of each element.
"""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from bpm_server.bpmn import namespaces as ns
from bpm_server.bpmn.extensions import check_vocabulary, extension_elements, history_time_to_live
from bpm_server.bpmn.formdata import EMBEDDED_FORM
from bpm_server.bpmn.model import (
    AdHocWork,
    Binding,
    CallWork,
    ConditionalEvent,
    DecisionWork,
    ErrorEvent,
    EscalationEvent,
    FormRef,
    IoMapping,
    JobWork,
    Listener,
    Loop,
    MessageEvent,
    Node,
    NodeType,
    Process,
    ScriptWork,
    UserWork,
    Work,
)
from bpm_server.bpmn.values import Static, is_expression

if TYPE_CHECKING:
    from lxml.etree import _Element

    from bpm_server.bpmn.model import BindingKind
    from bpm_server.bpmn.reading import Reading
    from bpm_server.bpmn.values import Value

TAKES_JOB = frozenset({NodeType.SERVICE_TASK, NodeType.SEND_TASK, NodeType.BUSINESS_RULE_TASK, NodeType.SCRIPT_TASK})
TASK_MOMENTS = frozenset({"creating", "assigning", "updating", "completing", "canceling"})
BINDINGS: dict[str, BindingKind] = {
    "latest": "latest",
    "deployment": "deployment",
    "versionTag": "versionTag",
}


class Camunda8:
    """Reads ``zeebe:`` extensions."""

    def __init__(self, reading: Reading) -> None:
        self.reading = reading

    # --- nodes ------------------------------------------------------------------------------------------

    def node(self, element: _Element, node: Node) -> Node:
        """Adds the extensions of a flow node."""
        found = _by_name(element)
        mapping = found.get("ioMapping")
        inputs, outputs = ((), ()) if mapping is None else self._io(mapping, element)
        return replace(
            node,
            work=self._work(element, node, found),
            inputs=inputs,
            outputs=outputs,
            listeners=self._listeners(found.get("executionListeners"), "executionListener"),
            properties=_properties(found.get("properties")),
            form=self._form(found.get("formDefinition"), element) if node.type is NodeType.START_EVENT else None,
        )

    def _io(self, mapping: _Element, element: _Element) -> tuple[tuple[IoMapping, ...], tuple[IoMapping, ...]]:
        sides: dict[str, list[IoMapping]] = {"input": [], "output": []}
        for entry in mapping:
            side = ns.split(entry.tag)[1]
            if side not in sides:
                continue
            target = (entry.get("target") or "").strip()
            if not target:
                self.reading.error(
                    "mapping-target", element, f"Expected a target of the {side} mapping, but found none"
                )
                continue
            source = entry.get("source")
            value = (
                Static(None) if source is None else self.reading.value(source, element, f"{side} mapping '{target}'")
            )
            sides[side].append(IoMapping(value or Static(None), target))
        return tuple(sides["input"]), tuple(sides["output"])

    def _work(self, element: _Element, node: Node, found: dict[str, _Element]) -> Work | None:
        kind = node.type
        if kind is NodeType.USER_TASK:
            return self._user(element, found)
        if kind is NodeType.CALL_ACTIVITY:
            return self._call(element, found.get("calledElement"))
        if kind is NodeType.AD_HOC_SUB_PROCESS:
            return self._ad_hoc(element, found)
        if kind is NodeType.BUSINESS_RULE_TASK and "calledDecision" in found:
            return self._decision(element, found["calledDecision"])
        if kind is NodeType.SCRIPT_TASK and "script" in found:
            return self._script(element, found["script"])
        throws_message = isinstance(node.event, MessageEvent) and kind in (
            NodeType.THROW_EVENT,
            NodeType.END_EVENT,
        )
        if kind in TAKES_JOB or (throws_message and "taskDefinition" in found):
            return self._job(element, found)
        return None

    def _job(self, element: _Element, found: dict[str, _Element]) -> JobWork | None:
        definition = found.get("taskDefinition")
        if definition is None:
            self.reading.error(
                "job-type-missing", element, "Expected a task definition (job type), but found none",
                "Set the type in the properties panel, or apply an element template.",
            )  # fmt: skip
            return None
        priority = found.get("jobPriorityDefinition")
        return JobWork(
            type=self.reading.required(definition.get("type"), element, "a job type"),
            retries=self.reading.value(definition.get("retries"), element, "retries"),
            headers=_headers(found.get("taskHeaders")),
            priority=None if priority is None else self.reading.value(priority.get("priority"), element, "priority"),
        )

    def _user(self, element: _Element, found: dict[str, _Element]) -> UserWork:
        if "userTask" not in found:
            self.reading.report(
                "info", "user-task-implementation", element,
                "Expected zeebe:userTask, but found a job-worker user task; it runs as a user task of the inbox",
                "Choose the implementation 'Camunda user task' to say so in the file.",
            )  # fmt: skip
        assignment, schedule = found.get("assignmentDefinition"), found.get("taskSchedule")
        priority = found.get("priorityDefinition")

        def value(source: _Element | None, attribute: str) -> Value | None:
            text = None if source is None else source.get(attribute)
            return self.reading.value(text, element, attribute) if text and text.strip() else None

        return UserWork(
            assignee=value(assignment, "assignee"),
            candidate_users=value(assignment, "candidateUsers"),
            candidate_groups=value(assignment, "candidateGroups"),
            due_date=value(schedule, "dueDate"),
            follow_up_date=value(schedule, "followUpDate"),
            priority=value(priority, "priority"),
            form=self._form(found.get("formDefinition"), element),
            headers=_headers(found.get("taskHeaders")),
            listeners=self._task_listeners(element, found.get("taskListeners")),
        )

    def _form(self, definition: _Element | None, element: _Element) -> FormRef | None:
        if definition is None:
            return None
        key = definition.get("formKey")
        if key is not None and key.startswith(EMBEDDED_FORM):
            return FormRef(key=Static(key.removeprefix(EMBEDDED_FORM)))
        return FormRef(
            form_id=definition.get("formId"),
            key=self.reading.value(key, element, "form key"),
            external=self.reading.value(definition.get("externalReference"), element, "external form"),
            binding=self._binding(definition, element),
        )

    def _binding(self, definition: _Element, element: _Element) -> Binding:
        text = definition.get("bindingType", "latest")
        kind = BINDINGS.get(text)
        if kind is None:
            self.reading.error(
                "binding-type",
                element,
                f"Expected latest, deployment or versionTag, but found binding '{text}'",
            )
            return Binding()
        tag = definition.get("versionTag")
        if kind == "versionTag" and not tag:
            self.reading.error("version-tag-missing", element, "Expected a version tag of the binding, but found none")
        return Binding(kind, None if tag is None else Static(tag))

    def _call(self, element: _Element, called: _Element | None) -> CallWork | None:
        if called is None:
            self.reading.error(
                "called-process-missing", element, "Expected a called process id, but found none",
                "Set the called element in the properties panel.",
            )  # fmt: skip
            return None
        expression = called.get("processIdExpression")
        text = f"={expression}" if expression else called.get("processId")
        return CallWork(
            process=self.reading.required(text, element, "a called process id"),
            binding=self._binding(called, element),
            pass_all=called.get("propagateAllParentVariables", "true") != "false",
            return_all=called.get("propagateAllChildVariables", "true") != "false",
            business_key=self.reading.value(called.get("businessId"), element, "business id"),
        )

    def _decision(self, element: _Element, called: _Element) -> DecisionWork:
        result = called.get("resultVariable")
        if not result:
            self.reading.error("result-variable-missing", element, "Expected a result variable, but found none")
        return DecisionWork(
            decision=self.reading.required(called.get("decisionId"), element, "a decision id"),
            result_variable=result,
            binding=self._binding(called, element),
        )

    def _script(self, element: _Element, script: _Element) -> ScriptWork:
        result = script.get("resultVariable")
        if not result:
            self.reading.error("result-variable-missing", element, "Expected a result variable, but found none")
        expression = script.get("expression")
        if expression and not expression.lstrip().startswith("="):
            self.reading.error(
                "expression-expected", element, f"Expected a FEEL expression, but found the text '{expression[:60]}'",
                "Start the expression with '='.",
            )  # fmt: skip
        return ScriptWork(self.reading.required(expression, element, "a FEEL expression"), result)

    def _ad_hoc(self, element: _Element, found: dict[str, _Element]) -> AdHocWork:
        settings = found.get("adHoc")
        condition = ns.text_of(ns.child(element, "completionCondition"))

        def attribute(name: str) -> str | None:
            return None if settings is None else settings.get(name)

        return AdHocWork(
            active_elements=self.reading.value(attribute("activeElementsCollection"), element, "active elements"),
            completion_condition=self.reading.value(condition, element, "completion condition"),
            cancel_remaining=element.get("cancelRemainingInstances", "true") != "false",
            output_collection=attribute("outputCollection"),
            output_element=self.reading.value(attribute("outputElement"), element, "output element"),
            job=self._job(element, found) if "taskDefinition" in found else None,
        )

    def _task_listeners(self, element: _Element, container: _Element | None) -> tuple[Listener, ...]:
        listeners = self._listeners(container, "taskListener")
        for unknown in sorted({listener.on for listener in listeners} - TASK_MOMENTS):
            message = f"Expected a task listener of {', '.join(sorted(TASK_MOMENTS))}, but found '{unknown}': no effect"
            self.reading.warning("listener-event", element, message)
        return listeners

    def _listeners(self, container: _Element | None, name: str) -> tuple[Listener, ...]:
        if container is None:
            return ()
        result = []
        for entry in container.iterchildren(f"{{{ns.ZEEBE}}}{name}"):
            job = JobWork(
                type=self.reading.required(entry.get("type"), entry, "a listener type"),
                retries=self.reading.value(entry.get("retries"), entry, "retries"),
                headers=_headers(entry.find(f"{{{ns.ZEEBE}}}taskHeaders")),
            )
            result.append(Listener(entry.get("eventType", ""), job))
        return tuple(result)

    # --- other parts ------------------------------------------------------------------------------------

    def process(self, element: _Element, process: Process) -> Process:
        """Adds the extensions of a process."""
        found = _by_name(element)
        tag = found.get("versionTag")
        forms = {
            entry.get("id", ""): ns.text_of(entry) or ""
            for entry in extension_elements(element)
            if ns.split(entry.tag) == (ns.ZEEBE, "userTaskForm")
        }
        properties = _properties(found.get("properties"))
        return replace(
            process,
            version_tag=None if tag is None else tag.get("value"),
            forms=MappingProxyType(forms),
            properties=properties,
            listeners=self._listeners(found.get("executionListeners"), "executionListener"),
            history_time_to_live=history_time_to_live(properties.get("historyTimeToLive"), element, self.reading),
        )

    def loop(self, element: _Element, activity: _Element) -> Loop:
        """Reads ``zeebe:loopCharacteristics``."""
        settings = _by_name(element).get("loopCharacteristics")
        if settings is None or not settings.get("inputCollection"):
            self.reading.error(
                "input-collection-missing",
                activity,
                "Expected an input collection of the multi-instance, but found none",
            )
        condition = ns.text_of(ns.child(element, "completionCondition"))

        def attribute(name: str) -> str | None:
            return None if settings is None else settings.get(name)

        output = attribute("outputCollection")
        if (output is None) != (attribute("outputElement") is None):
            self.reading.error(
                "output-collection",
                activity,
                "Expected output collection and output element together, but found one",
            )
        return Loop(
            sequential=element.get("isSequential") == "true",
            collection=self._expression(attribute("inputCollection"), activity, "input collection"),
            element=attribute("inputElement"),
            output_collection=output,
            output_element=self._expression(attribute("outputElement"), activity, "output element"),
            completion_condition=self._expression(condition, activity, "completion condition"),
        )

    def _expression(self, text: str | None, element: _Element, what: str) -> Value | None:
        value = self.reading.value(text, element, what)
        if value is not None and not is_expression(value):
            self.reading.error(
                "expression-expected", element, f"Expected a FEEL expression as {what}, but found the text '{text}'",
                "Start the expression with '='.",
            )  # fmt: skip
        return value

    def condition(self, condition: _Element, flow: _Element) -> Value | None:
        """A flow's condition."""
        return self._expression(ns.text_of(condition), flow, "condition")

    def listeners(self, flow: _Element) -> tuple[Listener, ...]:
        """Camunda 8 has no listeners on flows."""
        del flow
        return ()

    def correlation_key(self, message: _Element) -> Value | None:
        """``zeebe:subscription`` of a message."""
        subscription = _by_name(message).get("subscription")
        text = None if subscription is None else subscription.get("correlationKey")
        return self._expression(text, message, "correlation key") if text else None

    def error(self, definition: _Element, event: ErrorEvent) -> ErrorEvent:
        """Camunda 8 adds nothing."""
        del definition
        return event

    def escalation(self, definition: _Element, event: EscalationEvent) -> EscalationEvent:
        """Camunda 8 adds nothing."""
        del definition
        return event

    def conditional(self, definition: _Element) -> ConditionalEvent:
        """``zeebe:conditionalFilter`` limits what is watched."""
        filters = _by_name(definition).get("conditionalFilter")
        names = "" if filters is None else filters.get("variableNames", "")
        changes = "" if filters is None else filters.get("variableEvents", "")
        text = ns.text_of(ns.child(definition, "condition"))
        return ConditionalEvent(
            condition=self.reading.required(text, definition, "a condition"),
            variables=frozenset(filter(None, (name.strip() for name in names.split(",")))),
            changes=frozenset(filter(None, (name.strip() for name in changes.split(","))))
            or frozenset({"create", "update"}),
        )

    def check_vocabulary(self, root: _Element) -> None:
        """Reports unknown ``zeebe:`` extensions and Camunda 7 ones."""
        check_vocabulary(root, self.reading, frozenset({ns.ZEEBE}), ns.CAMUNDA)


def _by_name(element: _Element) -> dict[str, _Element]:
    return {
        local: entry
        for entry in extension_elements(element)
        for namespace, local in [ns.split(entry.tag)]
        if namespace == ns.ZEEBE
    }


def _headers(container: _Element | None) -> MappingProxyType[str, str]:
    entries = () if container is None else container
    return MappingProxyType({entry.get("key", ""): entry.get("value", "") for entry in entries})


def _properties(container: _Element | None) -> MappingProxyType[str, str]:
    entries = () if container is None else container
    return MappingProxyType({entry.get("name", ""): entry.get("value", "") for entry in entries})
