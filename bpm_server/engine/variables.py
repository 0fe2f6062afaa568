"""Variables in scopes: lookup goes up the chain; writes go to where the name lives, else to the process.

Source: Camunda 8 documentation, "Variables", "Variable scopes" and "Input/output variable mappings".
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec

from bpm_server import feel
from bpm_server.domain.events import VariablesSet
from bpm_server.engine.outcome import Stuck
from bpm_server.kernel import json
from bpm_server.kernel.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bpm_server.bpmn.model import IoMapping
    from bpm_server.bpmn.values import Value
    from bpm_server.engine.token import Token

_ABSENT = object()


class Visible:
    """The variables that an element sees; ``extra`` shadows all of them."""

    __slots__ = ("_extra", "_token")

    def __init__(self, token: Token, extra: Mapping[str, Any] | None = None) -> None:
        self._token = token
        self._extra = extra

    def get(self, name: str, default: Any = None) -> Any:
        """The value of the nearest variable of this name."""
        if self._extra is not None and name in self._extra:
            return self._extra[name]
        token: Token | None = self._token
        while token is not None:
            data = token.data
            if data is not None:
                value = data.get(name, _ABSENT)
                if value is not _ABSENT:
                    return _thaw(data, name, value)
            token = token.parent
        if name == "execution" and self._token.workflow.definition.dialect == "camunda7":
            return _execution(self._token)
        return self._token.workflow.context.outer.get(name, default)

    def __contains__(self, name: object) -> bool:
        return self.get(str(name), _ABSENT) is not _ABSENT


def _execution(token: Token) -> dict[str, Any]:
    """What Camunda 7 expressions may ask of ``execution``; keys are text, as everywhere outside."""
    instance = token.workflow
    spec = token.task_spec
    return {
        "id": str(token.id),
        "processInstanceId": str(instance.key),
        "processDefinitionKey": instance.definition.id,
        "processBusinessKey": instance.context.business_key,
        "businessKey": instance.context.business_key,
        "currentActivityId": spec.element_id,
        "currentActivityName": spec.node.name,
        "tenantId": None,
    }


class Gathering:
    """Stands for an output collection that is still being filled; read only when somebody asks."""

    __slots__ = ("body",)

    def __init__(self, body: Token) -> None:
        self.body = body

    def value(self) -> list[Any]:
        """The outputs so far, null where an item has none yet."""
        return self.body.workflow.gathered(self.body)


def _thaw(data: dict[str, Any], name: str, value: Any) -> Any:
    """Variables are decoded when first read."""
    if type(value) is msgspec.Raw:
        value = data[name] = json.loads(bytes(value))
    elif type(value) is Gathering:
        return value.value()
    return value


def all_visible(token: Token) -> dict[str, Any]:
    """Every variable that a token sees; an output collection still being filled is left out."""
    result: dict[str, Any] = {}
    at: Token | None = token
    while at is not None:
        for name, value in local_values(at).items():
            result.setdefault(name, value)
        at = at.parent
    return result


def chosen_visible(token: Token, wanted: Callable[[str], bool]) -> dict[str, Any]:
    """Like :func:`all_visible`, but decodes only the variables with these names."""
    result: dict[str, Any] = {}
    at: Token | None = token
    while at is not None:
        for name, value in list((at.data or {}).items()):
            if name not in result and wanted(name) and type(value) is not Gathering:
                result[name] = _thaw(at.data or {}, name, value)
        at = at.parent
    return result


def local_values(token: Token) -> dict[str, Any]:
    """The variables of this scope alone."""
    data = token.data
    if data is None:
        return {}
    return {name: _thaw(data, name, value) for name, value in list(data.items()) if type(value) is not Gathering}


def set_local(token: Token, values: Mapping[str, Any]) -> None:
    """Sets variables of this scope."""
    if not values:
        return
    if token.data is None:
        token.data = {}
    token.workflow.variables_changed(token, values)
    token.data.update(values)
    token.workflow.emit(VariablesSet(token.id, dict(values)))


def propagate(token: Token, values: Mapping[str, Any]) -> None:
    """Sets each variable at the nearest scope that has it, starting at ``token``; else at the process."""
    by_scope: dict[int, tuple[Token, dict[str, Any]]] = {}
    for name, value in values.items():
        scope = token
        while scope.parent is not None and not (scope.data is not None and name in scope.data):
            scope = scope.parent
        by_scope.setdefault(scope.id, (scope, {}))[1][name] = value
    for scope, part in by_scope.values():
        set_local(scope, part)


def evaluate(value: Value, token: Token, what: str, kind: str, extra: Mapping[str, Any] | None = None) -> Any:
    """Evaluates; only what the expression language itself calls a failure is one.

    Raises:
        Stuck: a Camunda 7 expression failed (FEEL gives null instead).
    """
    result = value.evaluate(Visible(token, extra), now=token.workflow.now)
    if result.diagnostics and value.fails:
        reason = _reason(result)
        message = f"Expected {what} '{value.source}' to have a value, but found: {reason}"
        raise Stuck(kind, message)
    return result.value


def _reason(result: feel.Evaluation) -> str:
    return "; ".join(note.message for note in result.diagnostics[:3])


def evaluate_as(
    expected: str,
    accepts: type | tuple[type, ...],
    value: Value,
    token: Token,
    what: str,
    kind: str,
    extra: Mapping[str, Any] | None = None,
) -> Any:
    """Evaluates to a value of a certain type.

    Raises:
        Stuck: names the expression, what it gave, and why where that is known.
    """
    result = value.evaluate(Visible(token, extra), now=token.workflow.now)
    if isinstance(result.value, accepts) and not (isinstance(result.value, bool) and accepts is not bool):
        return result.value
    because = f" ({_reason(result)})" if result.diagnostics else ""
    found = _shown(result.value)
    raise Stuck(kind, f"Expected {what} '{value.source}' to be {expected}, but found {found}{because}")


def _shown(value: Any) -> str:
    if value is None:
        return "null"
    try:
        text = json.dumps(feel.to_json(value))
    except InvalidInput:
        return type(value).__name__
    return text if len(text) <= 80 else text[:77] + "..."


def text(value: Value, token: Token, what: str, kind: str = "EXTRACT_VALUE_ERROR") -> str:
    """Evaluates to text."""
    found: str = evaluate_as("text", str, value, token, what, kind)
    return found


def optional_text(value: Value | None, token: Token, what: str) -> str | None:
    """Text or a number as text; None where there is no expression or it gives null.

    Raises:
        Stuck: it gives something else.
    """
    if value is None:
        return None
    found = evaluate(value, token, what, "EXTRACT_VALUE_ERROR")
    if found is None or found == "":
        return None
    if isinstance(found, str):
        return found
    if isinstance(found, int | Decimal) and not isinstance(found, bool):
        return str(feel.to_json(found))
    message = f"Expected {what} '{value.source}' to be text, but found {type(found).__name__}"
    raise Stuck("EXTRACT_VALUE_ERROR", message)


def whole(value: Value | None, token: Token, what: str, default: int) -> int:
    """Evaluates to a whole number, also as text; ``default`` where there is no expression or it gives null.

    Raises:
        Stuck: it gives something else.
    """
    if value is None:
        return default
    found = evaluate(value, token, what, "EXTRACT_VALUE_ERROR")
    if found is None or found == "":
        return default
    try:
        number = Decimal(str(found)) if not isinstance(found, bool) else None
    except ArithmeticError:
        number = None
    if number is None or number != number.to_integral_value():
        message = f"Expected {what} '{value.source}' to be a whole number, but found {found!r}"
        raise Stuck("EXTRACT_VALUE_ERROR", message)
    return int(number)


def to_json(value: Any, what: str, kind: str) -> Any:
    """A FEEL value as it is stored.

    Raises:
        Stuck: it cannot be stored, for instance a function.
    """
    if value is None or type(value) in (str, bool, int):
        return value
    try:
        return feel.to_json(value)
    except InvalidInput as error:
        raise Stuck(kind, f"Expected {what} to be a storable value, but found: {error.message}") from error


def map_values(token: Token, mappings: tuple[IoMapping, ...], direction: str) -> dict[str, Any]:
    """Evaluates mappings in order; each sees what those before it made.

    Raises:
        Stuck: an expression fails.
    """
    result: dict[str, Any] = {}
    # Camunda 8: an input makes its object anew, an output changes only what its path names.
    merges = direction != "input" or token.workflow.definition.dialect != "camunda8"
    for mapping in mappings:
        what = f"{direction} mapping '{mapping.target}'"
        value = evaluate(mapping.source, token, what, "IO_MAPPING_ERROR", result)
        _assign(result, mapping.target, to_json(value, what, "IO_MAPPING_ERROR"), token if merges else None)
    return result


def _assign(result: dict[str, Any], target: str, value: Any, token: Token | None) -> None:
    """Writes to a path; with a token, into the object that it sees."""
    name, *path = target.split(".")
    if not path:
        result[name] = value
        return
    holder = result.get(name)
    if not isinstance(holder, dict):
        existing = None if token is None else Visible(token).get(name)
        holder = dict(existing) if isinstance(existing, dict) else {}
        result[name] = holder
    for part in path[:-1]:
        inner = holder.get(part)
        holder[part] = inner = dict(inner) if isinstance(inner, dict) else {}
        holder = inner
    holder[path[-1]] = value


def output_name(element: Value | None) -> str | None:
    """The variable that an output element reads, where it is nothing but a variable or a property of one.

    It lives where the output is made, so that items side by side do not share it.
    """
    name = "" if element is None else element.source.strip().partition(".")[0]
    return name if name.isidentifier() else None


def set_values(token: Token, values: Mapping[str, Any], *, local: bool) -> None:
    """Sets variables at a scope; see ``SetVariables``."""
    if local:
        set_local(token, values)
    else:
        propagate(token, values)
