"""The Camunda 7 dialect: ``camunda:`` attributes and elements become the plain settings of ``model``.

Classes, delegate expressions and bean calls become jobs for a handler of that name; scripts in languages other
than FEEL and JUEL become jobs of type ``script:<language>`` (script tasks) or findings (anywhere else).

Source: Camunda 7.24 manual, "BPMN 2.0 implementation reference" and "Custom extensions".
"""

from __future__ import annotations

import re
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from bpm_server.bpmn import namespaces as ns
from bpm_server.bpmn.camunda7_io import InputOutput, read_input_output, script_value
from bpm_server.bpmn.extensions import check_vocabulary, extension_elements, history_time_to_live
from bpm_server.bpmn.formdata import form_key, generated_forms
from bpm_server.bpmn.model import (
    AdHocWork,
    Binding,
    CallWork,
    ConditionalEvent,
    DecisionWork,
    ErrorEvent,
    EscalationEvent,
    FormRef,
    JobWork,
    Listener,
    Loop,
    MessageEvent,
    Node,
    NodeType,
    Process,
    ScriptWork,
    Transfer,
    UserWork,
    Work,
)
from bpm_server.bpmn.values import Static, Variable, from_camunda7, is_expression
from bpm_server.kernel.errors import InvalidInput

if TYPE_CHECKING:
    from lxml.etree import _Element

    from bpm_server.bpmn.model import BindingKind
    from bpm_server.bpmn.reading import Reading
    from bpm_server.bpmn.values import Value

BINDINGS: dict[str, BindingKind] = {
    "latest": "latest",
    "deployment": "deployment",
    "version": "version",
    "versionTag": "versionTag",
}
EXPRESSION_LANGUAGES = frozenset({"juel", "feel"})
_BEAN_CALL = re.compile(r"^[$#]\{\s*([A-Za-z_$][\w$]*(?:\.[A-Za-z_$][\w$]*)*)\s*(?:\(.*\))?\s*\}$", re.DOTALL)


class Camunda7:
    """Reads ``camunda:`` extensions (and ``activiti:``, which Camunda 7 reads alike)."""

    def __init__(self, reading: Reading) -> None:
        self.reading = reading

    # --- nodes ------------------------------------------------------------------------------------------

    def node(self, element: _Element, node: Node) -> Node:
        """Adds the extensions of a flow node."""
        mapping = read_input_output(self.reading, element)
        connector = _find(element, "connector")
        if connector is not None:
            inner = read_input_output(self.reading, element, connector)
            mapping = InputOutput(mapping.inputs + inner.inputs, inner.outputs + mapping.outputs)
        is_async = attribute(element, "async") == "true"
        return replace(
            node,
            work=self._work(element, node, connector),
            inputs=mapping.inputs,
            outputs=mapping.outputs,
            listeners=self._listeners(element, "executionListener", "event") + self._delegate_mapping(element),
            properties=_properties(element),
            form=self._form(element) if node.type is NodeType.START_EVENT else None,
            initiator=attribute(element, "initiator"),
            async_before=is_async or attribute(element, "asyncBefore") == "true",
            async_after=attribute(element, "asyncAfter") == "true",
        )

    def _work(self, element: _Element, node: Node, connector: _Element | None) -> Work | None:
        kind = node.type
        if kind is NodeType.USER_TASK:
            return self._user(element)
        if kind is NodeType.CALL_ACTIVITY:
            return self._call(element)
        if kind is NodeType.SCRIPT_TASK:
            return self._script(element)
        if kind is NodeType.BUSINESS_RULE_TASK and attribute(element, "decisionRef"):
            return self._decision(element)
        if kind is NodeType.AD_HOC_SUB_PROCESS:
            return AdHocWork()
        if kind in (NodeType.SERVICE_TASK, NodeType.SEND_TASK, NodeType.BUSINESS_RULE_TASK):
            return self._service(element, element, connector, required=True)
        if isinstance(node.event, MessageEvent) and kind in (NodeType.THROW_EVENT, NodeType.END_EVENT):
            definition = ns.child(element, "messageEventDefinition")
            if definition is not None:
                return self._service(definition, element, connector or _find(definition, "connector"), required=False)
        return None

    def _service(
        self, source: _Element, element: _Element, connector: _Element | None, *, required: bool
    ) -> Work | None:
        """Whatever ``camunda:type``, ``class``, ``delegateExpression``, ``expression`` or connector says."""
        if attribute(source, "type") == "external":
            return self._job(self.reading.required(attribute(source, "topic"), element, "a topic"), source, element)
        for name in ("class", "delegateExpression"):
            text = attribute(source, name)
            if text:
                return self._handler(handler_name(text), source, element)
        expression = attribute(source, "expression")
        if expression:
            return self._expression_work(expression, source, element)
        if connector is not None:
            identifier = ns.text_of(_find_child(connector, "connectorId"))
            return self._handler(identifier or "connector", source, element)
        if required:
            self.reading.error(
                "implementation-missing", element, "Expected an implementation (external topic, class, expression, "
                "delegate expression or connector), but found none",
            )  # fmt: skip
        return None

    def _expression_work(self, expression: str, source: _Element, element: _Element) -> Work:
        """An expression that we can evaluate runs here; a call of a bean becomes a handler's job."""
        result = attribute(source, "resultVariable")
        try:
            value = from_camunda7(expression)
        except InvalidInput:
            return self._handler(handler_name(expression), source, element)
        return ScriptWork(value, result)

    def _handler(self, name: str, source: _Element, element: _Element) -> JobWork:
        return replace(self._job(Static(name), source, element), handler=True)

    def _job(self, job_type: Value, source: _Element, element: _Element) -> JobWork:
        fields = {
            entry.get("name", ""): entry.get("stringValue") or ns.text_of(entry) or ""
            for entry in extension_elements(source)
            if ns.split(entry.tag)[1] == "field"
        }
        cycle = _find(element, "failedJobRetryTimeCycle")
        return JobWork(
            type=job_type,
            headers=MappingProxyType(fields),
            priority=self._value(attribute(source, "taskPriority"), element, "task priority"),
            retry_cycle=ns.text_of(cycle),
            result_variable=attribute(source, "resultVariable"),
        )

    def _user(self, element: _Element) -> UserWork:
        def value(name: str) -> Value | None:
            return self._value(attribute(element, name), element, name)

        users, groups = _potential_owners(element)
        performer = ns.child(element, "humanPerformer")
        assignee = attribute(element, "assignee") or ns.text_of(performer)
        return UserWork(
            assignee=self._value(assignee, element, "assignee"),
            candidate_users=value("candidateUsers") or (Static(users) if users else None),
            candidate_groups=value("candidateGroups") or (Static(groups) if groups else None),
            due_date=value("dueDate"),
            follow_up_date=value("followUpDate"),
            priority=value("priority"),
            form=self._form(element),
            listeners=self._listeners(element, "taskListener", "event"),
        )

    def _form(self, element: _Element) -> FormRef | None:
        reference, key = attribute(element, "formRef"), attribute(element, "formKey")
        fields = _find(element, "formData")
        if reference:
            binding = attribute(element, "formRefBinding") or "latest"
            version = self._value(attribute(element, "formRefVersion"), element, "form version")
            return FormRef(form_id=reference, binding=Binding(BINDINGS.get(binding, "latest"), version))
        if key:
            return FormRef(key=self._value(key, element, "form key"))
        if fields is not None:
            return FormRef(key=Static(form_key(element)))
        return None

    def _call(self, element: _Element) -> CallWork:
        called = element.get("calledElement")
        if not called and attribute(element, "caseRef"):
            self.reading.error("unsupported-case", element, "Expected a called process, but found a CMMN case")
        delegate = _mapping_delegate(element)
        if delegate:
            self.reading.warning(
                "delegate-mapping", element, f"'{handler_name(delegate)}' runs as a job before and after the call",
                "Its results are variables; all variables are passed. camunda:in and camunda:out need no job.",
            )  # fmt: skip
        ins, outs = _transfers(element, "in"), _transfers(element, "out")
        business_key = next((entry.get("businessKey") for entry in ins if entry.get("businessKey")), None)
        return CallWork(
            process=self.reading.required(called, element, "a called process id"),
            binding=self._binding(element, "calledElement"),
            pass_all=bool(delegate) or any(entry.get("variables") == "all" for entry in ins),
            return_all=bool(delegate) or any(entry.get("variables") == "all" for entry in outs),
            ins=self._read_transfers(ins, element),
            outs=self._read_transfers(outs, element),
            business_key=self._value(business_key, element, "business key"),
        )

    def _delegate_mapping(self, element: _Element) -> tuple[Listener, ...]:
        """A delegate that maps the variables of a call: its handler runs before and after it."""
        delegate = _mapping_delegate(element)
        if not delegate:
            return ()
        job = self._handler(handler_name(delegate), element, element)
        return (Listener("start", job), Listener("end", job))

    def _read_transfers(self, entries: list[_Element], element: _Element) -> tuple[Transfer, ...]:
        result = []
        for entry in entries:
            target = entry.get("target")
            if target is None:
                continue
            source, expression = entry.get("source"), entry.get("sourceExpression")
            value = self._value(expression, element, f"mapping to '{target}'") if expression else Variable(source or "")
            result.append(Transfer(value or Static(None), target))
        return tuple(result)

    def _binding(self, element: _Element, prefix: str) -> Binding:
        kind = BINDINGS.get(attribute(element, f"{prefix}Binding") or "latest", "latest")
        name = f"{prefix}VersionTag" if kind == "versionTag" else f"{prefix}Version"
        return Binding(kind, self._value(attribute(element, name), element, name))

    def _decision(self, element: _Element) -> DecisionWork:
        return DecisionWork(
            decision=self.reading.required(attribute(element, "decisionRef"), element, "a decision id"),
            result_variable=attribute(element, "resultVariable"),
            binding=self._binding(element, "decisionRef"),
            shape=attribute(element, "mapDecisionResult") or "resultList",
        )

    def _script(self, element: _Element) -> Work | None:
        language = (element.get("scriptFormat") or "").strip().lower()
        text = ns.text_of(ns.child(element, "script"))
        resource = attribute(element, "resource")
        result = attribute(element, "resultVariable")
        if language in EXPRESSION_LANGUAGES and text is not None:
            value = script_value(self.reading, language, text, element)
            return None if value is None else ScriptWork(value, result)
        if not language:
            self.reading.error("script-language-missing", element, "Expected a script format, but found none")
            return None
        self.reading.warning(
            "script-language", element, f"Expected FEEL or JUEL, but found {language}; the task becomes a job of type "
            f"'script:{language}'", "Run an external worker for this type, or write the script as FEEL.",
        )  # fmt: skip
        headers = {"script": text or "", "resource": resource or ""}
        return JobWork(
            Static(f"script:{language}"),
            headers=MappingProxyType({key: value for key, value in headers.items() if value}),
            result_variable=result,
        )

    def _listeners(self, element: _Element, name: str, moment: str) -> tuple[Listener, ...]:
        result = []
        for entry in extension_elements(element):
            if ns.split(entry.tag)[1] != name:
                continue
            job = self._listener_job(entry, element)
            if job is not None:
                result.append(Listener(entry.get(moment) or "take", job))
        return tuple(result)

    def _listener_job(self, entry: _Element, element: _Element) -> JobWork | None:
        script = _find_child(entry, "script")
        if script is not None:
            language = script.get("scriptFormat", "")
            self.reading.error(
                "listener-script", element, f"Expected a handler as listener, but found a script in {language}",
                "Name a handler with class or delegateExpression.",
            )  # fmt: skip
            return None
        text = entry.get("class") or entry.get("delegateExpression") or entry.get("expression")
        if not text:
            self.reading.error("listener-missing", element, "Expected a handler of the listener, but found none")
            return None
        return self._handler(handler_name(text), entry, element)

    # --- other parts ------------------------------------------------------------------------------------

    def process(self, element: _Element, process: Process) -> Process:
        """Adds the extensions of a process."""
        return replace(
            process,
            version_tag=attribute(element, "versionTag"),
            forms=generated_forms(element),
            properties=_properties(element),
            listeners=self._listeners(element, "executionListener", "event"),
            candidate_starter_groups=_names(attribute(element, "candidateStarterGroups")),
            candidate_starter_users=_names(attribute(element, "candidateStarterUsers")),
            startable_in_tasklist=attribute(element, "isStartableInTasklist") != "false",
            history_time_to_live=history_time_to_live(attribute(element, "historyTimeToLive"), element, self.reading),
        )

    def loop(self, element: _Element, activity: _Element) -> Loop:
        """Reads cardinality, collection, element variable and completion condition."""
        collection = attribute(element, "collection") or ns.text_of(ns.child(element, "loopDataInputRef"))
        item = ns.child(element, "inputDataItem")
        cardinality = ns.text_of(ns.child(element, "loopCardinality"))
        if collection is None and cardinality is None:
            self.reading.error(
                "loop-missing",
                activity,
                "Expected a collection or a cardinality of the multi-instance, but found none",
            )
        value = self._value(collection, activity, "collection")
        if value is not None and not is_expression(value):
            value = Variable(value.source)
        condition = ns.child(element, "completionCondition")
        return Loop(
            sequential=element.get("isSequential") == "true",
            collection=value,
            element=attribute(element, "elementVariable") or (None if item is None else item.get("name")),
            cardinality=self._value(cardinality, activity, "cardinality"),
            completion_condition=None if condition is None else self.condition(condition, activity),
        )

    def condition(self, condition: _Element, owner: _Element) -> Value | None:
        """A condition; only JUEL and FEEL are possible."""
        language = (condition.get("language") or "juel").lower()
        text = ns.text_of(condition)
        if attribute(condition, "resource") or language not in EXPRESSION_LANGUAGES:
            self.reading.error(
                "condition-script", owner, f"Expected a condition in JUEL or FEEL, but found {language}",
                "Write the condition as ${...}.",
            )  # fmt: skip
            return None
        if not text:
            self.reading.error("condition-missing", owner, "Expected a condition, but found none")
            return None
        return script_value(self.reading, language, text, owner)

    def listeners(self, flow: _Element) -> tuple[Listener, ...]:
        """Listeners on a sequence flow (event ``take``)."""
        return self._listeners(flow, "executionListener", "event")

    def correlation_key(self, message: _Element) -> Value | None:
        """Camunda 7 correlates by business key and variables, named in the call."""
        del message
        return None

    def error(self, definition: _Element, event: ErrorEvent) -> ErrorEvent:
        """Variables for the code and message of a caught error."""
        return replace(
            event,
            code_variable=attribute(definition, "errorCodeVariable"),
            message_variable=attribute(definition, "errorMessageVariable"),
        )

    def escalation(self, definition: _Element, event: EscalationEvent) -> EscalationEvent:
        """The variable for the code of a caught escalation."""
        return replace(event, code_variable=attribute(definition, "escalationCodeVariable"))

    def conditional(self, definition: _Element) -> ConditionalEvent:
        """The condition with ``variableName`` and ``variableEvents``."""
        condition = ns.child(definition, "condition")
        name, changes = attribute(definition, "variableName"), attribute(definition, "variableEvents")
        value = None if condition is None else self.condition(condition, definition)
        if condition is None:
            self.reading.error("condition-missing", definition, "Expected a condition, but found none")
        return ConditionalEvent(
            condition=value or Static(value=False),
            variables=frozenset({name}) if name else frozenset(),
            changes=frozenset(_names(changes)) or frozenset({"create", "update", "delete"}),
        )

    def check_vocabulary(self, root: _Element) -> None:
        """Reports unknown ``camunda:`` extensions and Camunda 8 ones."""
        check_vocabulary(root, self.reading, frozenset({ns.CAMUNDA, ns.ACTIVITI}), ns.ZEEBE)

    def _value(self, text: str | None, element: _Element, what: str) -> Value | None:
        return self.reading.value(text, element, what) if text and text.strip() else None


def attribute(element: _Element, name: str) -> str | None:
    """A ``camunda:`` (or ``activiti:``) attribute."""
    value: str | None = element.get(f"{{{ns.CAMUNDA}}}{name}")
    return element.get(f"{{{ns.ACTIVITI}}}{name}") if value is None else value


def handler_name(text: str) -> str:
    """The registered name behind a class name or a bean expression: ``${bean.call(x)}`` is ``bean.call``."""
    match = _BEAN_CALL.match(text.strip())
    return match[1] if match else text.strip()


def _find(element: _Element, name: str) -> _Element | None:
    return next((entry for entry in extension_elements(element) if ns.split(entry.tag)[1] == name), None)


def _find_child(element: _Element, name: str) -> _Element | None:
    return next((entry for entry in element if ns.split(entry.tag)[1] == name), None)


def _transfers(element: _Element, name: str) -> list[_Element]:
    return [entry for entry in extension_elements(element) if ns.split(entry.tag)[1] == name]


def _properties(element: _Element) -> MappingProxyType[str, str]:
    container = _find(element, "properties")
    entries = () if container is None else container
    return MappingProxyType({entry.get("name") or entry.get("id") or "": entry.get("value", "") for entry in entries})


def _names(text: str | None) -> tuple[str, ...]:
    return tuple(filter(None, (name.strip() for name in (text or "").split(","))))


def _potential_owners(element: _Element) -> tuple[str, str]:
    """Users and groups of ``bpmn:potentialOwner``: ``user(a), group(b)``; a bare name is a group."""
    users: list[str] = []
    groups: list[str] = []
    for owner in ns.children(element, "potentialOwner"):
        for part in _names(ns.text_of(owner)):
            match = re.fullmatch(r"(user|group)\((.*)\)", part)
            (users if match and match[1] == "user" else groups).append(match[2] if match else part)
    return ",".join(users), ",".join(groups)


def _mapping_delegate(element: _Element) -> str | None:
    return attribute(element, "variableMappingClass") or attribute(element, "variableMappingDelegateExpression")
