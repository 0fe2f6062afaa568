"""Which extension elements and attributes exist, so that an unknown one is reported instead of dropped.

Source: the machine-readable lists of npm ``zeebe-bpmn-moddle`` 2.0.0 and ``camunda-bpmn-moddle`` 8.0.1 (MIT).
An element maps to its attributes; ``ON_BPMN`` are attributes of the namespace on BPMN elements.
"""

from __future__ import annotations

_BINDING = {"bindingType", "versionTag"}
_CONFIGURED = {"modelerConfigurationTemplate", "modelerConfigurationName"}
_JOB_LIKE = {"eventType", "retries", "type"}
_HANDLER = {"class", "delegateExpression", "expression", "event"}
_IN_OUT = {"businessKey", "local", "source", "sourceExpression", "target", "variables"}

ZEEBE: dict[str, set[str]] = {
    "adHoc": {"activeElementsCollection", "outputCollection", "outputElement"},
    "agentDefinition": {"agentType"},
    "assignmentDefinition": {"assignee", "candidateGroups", "candidateUsers"},
    "calledDecision": {"decisionId", "resultVariable", *_BINDING},
    "calledElement": {
        "processId", "processIdExpression", "propagateAllChildVariables", "propagateAllParentVariables",
        "businessId", *_BINDING,
    },
    "conditionalFilter": {"variableNames", "variableEvents"},
    "executionListener": _JOB_LIKE,
    "executionListeners": set(),
    "formDefinition": {"formKey", "formId", "externalReference", *_BINDING},
    "header": {"id", "key", "value"},
    "input": {"source", "target", *_CONFIGURED},
    "ioMapping": set(),
    "jobPriorityDefinition": {"priority"},
    "linkedResource": {"resourceId", "resourceType", "linkName", *_BINDING},
    "linkedResources": set(),
    "loopCharacteristics": {"inputCollection", "inputElement", "outputCollection", "outputElement"},
    "output": {"source", "target"},
    "priorityDefinition": {"priority"},
    "properties": set(),
    "property": {"name", "value", *_CONFIGURED},
    "script": {"expression", "resultVariable"},
    "subscription": {"correlationKey"},
    "taskDefinition": {"type", "retries"},
    "taskHeaders": set(),
    "taskListener": _JOB_LIKE,
    "taskListeners": set(),
    "taskSchedule": {"dueDate", "followUpDate"},
    "userTask": set(),
    "userTaskForm": {"id"},
    "versionTag": {"value"},
}  # fmt: skip
ZEEBE_ON_BPMN = {"modelerTemplate", "modelerTemplateVersion", "modelerTemplateIcon", "retryCounter"}

CAMUNDA: dict[str, set[str]] = {
    "connector": set(),
    "connectorId": set(),
    "constraint": {"name", "config"},
    "entry": {"key"},
    "errorEventDefinition": {"id", "errorRef", "expression", "errorCodeVariable", "errorMessageVariable"},
    "executionListener": _HANDLER,
    "expression": set(),
    "failedJobRetryTimeCycle": set(),
    "field": {"name", "stringValue", "expression"},
    "formData": {"businessKey"},
    "formField": {"id", "label", "type", "datePattern", "defaultValue"},
    "formProperty": {
        "id", "name", "type", "required", "readable", "writable", "variable", "expression", "datePattern",
        "default",
    },
    "in": _IN_OUT,
    "inputOutput": set(),
    "inputParameter": {"name"},
    "list": set(),
    "map": set(),
    "out": _IN_OUT,
    "outputParameter": {"name"},
    "potentialStarter": set(),
    "properties": set(),
    "property": {"id", "name", "value"},
    "resourceAssignmentExpression": set(),
    "script": {"scriptFormat", "resource"},
    "string": set(),
    "taskListener": {*_HANDLER, "id"},
    "validation": set(),
    "value": {"id", "name"},
}  # fmt: skip
CAMUNDA_ON_BPMN = {
    "assignee", "async", "asyncAfter", "asyncBefore", "calledElementBinding", "calledElementTenantId",
    "calledElementVersion", "calledElementVersionTag", "candidateGroups", "candidateStarterGroups",
    "candidateStarterUsers", "candidateUsers", "caseBinding", "caseRef", "caseTenantId", "caseVersion", "class",
    "collection", "decisionRef", "decisionRefBinding", "decisionRefTenantId", "decisionRefVersion",
    "decisionRefVersionTag", "delegateExpression", "diagramRelationId", "dueDate", "elementVariable",
    "errorCodeVariable", "errorMessage", "errorMessageVariable", "escalationCodeVariable", "exclusive",
    "expression", "followUpDate", "formHandlerClass", "formKey", "formRef", "formRefBinding", "formRefVersion",
    "historyTimeToLive", "initiator", "isStartableInTasklist", "jobPriority", "mapDecisionResult",
    "modelerTemplate", "modelerTemplateVersion", "priority", "resource", "resultVariable", "retries",
    "taskPriority", "topic", "type", "variableEvents", "variableMappingClass",
    "variableMappingDelegateExpression", "variableName", "versionTag",
}  # fmt: skip
