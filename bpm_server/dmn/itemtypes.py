"""Item definitions: named types with constraints (DMN 1.5, 7.3.3), and values made to conform to them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bpm_server.feel import types
from bpm_server.feel.values import Value, coerced, described

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bpm_server import feel
    from bpm_server.dmn import elements
    from bpm_server.feel import nodes
    from bpm_server.feel.errors import Place
    from bpm_server.feel.evaluation import Run

    CompileTests = Callable[[elements.Text, str], feel.Expression | None]
    Report = Callable[[str, str, int], None]

_NO_VARIABLES: Mapping[str, Any] = {}
_CAMUNDA_TYPES: dict[str, types.Type] = {
    "integer": types.NUMBER,
    "long": types.NUMBER,
    "double": types.NUMBER,
    "decimal": types.NUMBER,
    "Any": types.ANY,
    "": types.ANY,
}


@dataclass(frozen=True, slots=True)
class ItemType:
    """A type with its constraints.

    Attributes:
        type: Without the constraints.
        allowed: Unary tests that a value passes; of a collection, each item.
        constraint: Unary tests that the whole value passes.
        components: Entries of a context.
        item: What a collection consists of.
        base: The type that this one restricts further.
    """

    type: types.Type
    allowed: feel.Expression | None = None
    constraint: feel.Expression | None = None
    components: tuple[tuple[str, ItemType], ...] = ()
    item: ItemType | None = None
    base: ItemType | None = None

    @property
    def is_constrained(self) -> bool:
        """Whether more than the plain type has to fit."""
        inner = [*(component for _, component in self.components), self.item, self.base]
        return bool(self.allowed or self.constraint) or any(each.is_constrained for each in inner if each is not None)

    def conformed(self, run: Run, place: Place, value: Value) -> Value:
        """A value bound to a variable of this type: converted, or null where it does not conform."""
        if value is None:
            return None
        fits, result = coerced(value, self.type)
        if not fits:
            run.fail(place, "coercion", "Expected {}, but found {}", self.type, described(value))
            return None
        if self.is_constrained and not self.admits(run, result):
            run.fail(
                place,
                "coercion",
                "Expected a value that the item definition allows, but found {}",
                described(result),
            )
            return None
        return result

    def admits(self, run: Run, value: Value) -> bool:
        """Whether a value of the plain type passes the constraints; null does."""
        if value is None:
            return True
        if self.base is not None and not self.base.admits(run, value):
            return False
        if self.item is not None and not all(self.item.admits(run, each) for each in value):
            return False
        if any(not component.admits(run, value.get(name)) for name, component in self.components):
            return False
        return self._passes(run, self.allowed, value) and self._passes(run, self.constraint, value)

    @staticmethod
    def _passes(run: Run, tests: feel.Expression | None, value: Value) -> bool:
        if tests is None:
            return True
        limit = run.mute()
        try:
            return tests.run(_NO_VARIABLES, run, value) is True
        finally:
            run.unmute(limit)


ANY = ItemType(types.ANY)


class ItemTypes:
    """All named types of a model."""

    def __init__(self, compile_tests: CompileTests, report: Report) -> None:
        self._compile_tests = compile_tests
        self._report = report
        self._definitions: dict[str, elements.ItemDefinition] = {}
        self._known: dict[str, ItemType] = {}
        self._unknown: set[str] = set()
        self._resolving: set[str] = set()

    def add(self, definitions: tuple[elements.ItemDefinition, ...]) -> None:
        """Adds the item definitions of a file."""
        for definition in definitions:
            self._definitions[definition.name] = definition

    def add_imported(self, prefix: str, imported: ItemTypes) -> None:
        """Adds the types of another model, under the name of the import."""
        for name in imported._definitions:
            self._known[f"{prefix}.{name}" if prefix else name] = imported.named(name)

    def names(self) -> list[str]:
        """All names."""
        return [*self._definitions, *(name for name in self._known if name not in self._definitions)]

    def plain(self) -> dict[str, types.Type]:
        """Named types without constraints, for ``instance of`` and parameters."""
        return {name: self.named(name).type for name in self.names()}

    def component_names(self) -> set[str]:
        """Names of entries of all types, which may follow a dot."""
        found: set[str] = set()
        waiting = list(self._definitions.values())
        for known in self._known.values():
            found.update(_component_names(known))
        while waiting:
            definition = waiting.pop()
            found.update(component.name for component in definition.components)
            waiting.extend(definition.components)
        return found

    def parsed_tests(self, text: elements.Text) -> nodes.Node | None:
        """The tree of unary tests outside of any scope."""
        compiled = self._compile_tests(text, "allowed values")
        return None if compiled is None else compiled.tree

    def named(self, name: str, line: int = 0) -> ItemType:
        """The type of a reference; unknown names are reported once and stand for any."""
        known = self._known.get(name)
        if known is not None:
            return known
        definition = self._definitions.get(name)
        if definition is None:
            return self._built_in(name, line)
        if name in self._resolving:
            self._report("dmn-type-cycle", f"Expected a type that does not contain itself, but '{name}' does", line)
            return ANY
        self._resolving.add(name)
        known = self._known[name] = self._resolved(definition)
        self._resolving.discard(name)
        return known

    def _built_in(self, name: str, line: int) -> ItemType:
        plain = name.removeprefix("feel.")
        type_ = types.SIMPLE_TYPES.get(plain) or _CAMUNDA_TYPES.get(plain)
        if type_ is None and plain in {"context", "list", "function", "range"}:
            type_ = {
                "context": types.CONTEXT,
                "list": types.LIST,
                "function": types.FUNCTION,
                "range": types.RANGE,
            }[plain]
        if type_ is None:
            if name not in self._unknown:
                self._report("dmn-unknown-type", f"Expected a known type, but found '{name}'", line)
            self._unknown.add(name)
            return ANY
        return ItemType(type_)

    def _resolved(self, definition: elements.ItemDefinition) -> ItemType:
        allowed = self._tests(definition.allowed, definition.name)
        constraint = self._tests(definition.constraint, definition.name)
        item = self._item(definition, allowed)
        if definition.is_collection:
            return ItemType(types.ListType(item.type), constraint=constraint, item=item)
        if constraint is None:
            return item
        return ItemType(item.type, constraint=constraint, base=item)

    def _item(self, definition: elements.ItemDefinition, allowed: feel.Expression | None) -> ItemType:
        if definition.function is not None:
            parameters = tuple(self.named(each.type, definition.line).type for each in definition.function.parameters)
            result = self.named(definition.function.result, definition.line).type
            return ItemType(types.FunctionType(parameters, result), allowed)
        if definition.components:
            components = tuple((each.name, self._resolved(each)) for each in definition.components)
            entries = tuple((name, component.type) for name, component in components)
            return ItemType(types.ContextType(entries), allowed, components=components)
        base = self.named(definition.type, definition.line)
        if allowed is None:
            return base
        return ItemType(base.type, allowed, base=base)

    def _tests(self, text: elements.Text | None, name: str) -> feel.Expression | None:
        return None if text is None or not text.text else self._compile_tests(text, f"type '{name}'")


def _component_names(item: ItemType) -> set[str]:
    names = set()
    for name, component in item.components:
        names |= {name, *_component_names(component)}
    for inner in (item.item, item.base):
        names |= set() if inner is None else _component_names(inner)
    return names
