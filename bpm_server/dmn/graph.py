"""The decision requirements graph: references resolved, scopes named, cycles found (DMN 1.5, 6.2 and 10.4)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from bpm_server.dmn import elements

if TYPE_CHECKING:
    from collections.abc import Callable

    from bpm_server.dmn.model import Model

    Report = Callable[[str, str, elements.Element], None]

Kind = Literal["input", "decision", "knowledge", "service"]


@dataclass(frozen=True, slots=True)
class Reference:
    """An element of this model or of an imported one."""

    model: Model
    kind: Kind
    element: elements.Element

    @property
    def key(self) -> tuple[int, str]:
        """Equal for the same element."""
        return id(self.model), self.element.id or self.element.name

    @property
    def variable(self) -> elements.Variable:
        """The name and type under which others read the element."""
        variable: elements.Variable = self.element.variable  # type: ignore[attr-defined]
        return variable


@dataclass(frozen=True, slots=True)
class Imported:
    """The required elements of an imported model, by name."""

    members: dict[str, Reference] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OutputOf:
    """One output of a required decision table, which Camunda reads by its name."""

    decision: Reference
    output: str


Scope = dict[str, Reference | Imported | OutputOf]
"""Names that the logic of an element reads, and what they are."""


class Graph:
    """The elements of a model, and how they require each other."""

    def __init__(self, model: Model, definitions: elements.Definitions, imports: dict[str, Model]) -> None:
        self._model = model
        self._definitions = definitions
        self._imports = imports
        self.references: dict[str, Reference] = {}
        groups: list[tuple[Kind, tuple[elements.Element, ...]]] = [
            ("input", definitions.inputs),
            ("decision", definitions.decisions),
            ("knowledge", definitions.knowledge),
            ("service", definitions.services),
        ]
        for kind, group in groups:
            for element in group:
                self.references[element.id or element.name] = Reference(model, kind, element)

    def find(self, id_or_name: str, kinds: tuple[Kind, ...]) -> Reference | None:
        """The element with an id, else the one with a name."""
        reference = self.references.get(id_or_name)
        if reference is not None and reference.kind in kinds:
            return reference
        named = (each for each in self.references.values() if each.kind in kinds)
        return next((each for each in named if id_or_name in {each.element.name, each.variable.name}), None)

    def resolve(self, href: str) -> tuple[str, Reference] | None:
        """What a reference points at: the name of the import it goes through, and the element."""
        namespace, _, id_ = href.rpartition("#")
        if namespace and namespace != self._definitions.namespace:
            for name, model in self._imports.items():
                if model.namespace == namespace and id_ in model.graph.references:
                    return name, model.graph.references[id_]
            return None
        reference = self.references.get(id_)
        return None if reference is None else ("", reference)

    def scope_of(self, element: elements.Element, report: Report) -> Scope:
        """The names that the logic of a decision or knowledge model reads."""
        scope: Scope = {}
        for href in _requirements(element):
            found = self.resolve(href)
            if found is None:
                report("dmn-unknown-reference", f"Expected an element '{href}', but found none", element)
                continue
            prefix, reference = found
            if not prefix:
                scope[reference.variable.name] = reference
                continue
            imported = scope.setdefault(prefix, Imported())
            if isinstance(imported, Imported):
                imported.members[reference.variable.name] = reference
        return scope

    def report_duplicates(self, report: Report) -> None:
        """Reports elements whose id another one has."""
        seen: set[str] = set()
        for element in self._definitions.elements:
            if element.id in seen:
                report("dmn-duplicate-id", f"Expected the id '{element.id}' once, but found it again", element)
            if element.id:
                seen.add(element.id)

    def report_cycles(self, report: Report) -> None:
        """Reports decisions that require themselves, directly or through others."""
        finished: set[str] = set()
        for start in self._definitions.decisions:
            self._walk(start, finished, report)

    def _walk(self, start: elements.Decision, finished: set[str], report: Report) -> None:
        path: list[elements.Decision] = []
        on_path: set[str] = set()
        waiting: list[tuple[elements.Decision, bool]] = [(start, False)]
        while waiting:
            decision, is_left = waiting.pop()
            key = decision.id or decision.name
            if is_left:
                path.pop()
                on_path.discard(key)
                finished.add(key)
                continue
            if key in on_path:
                names = " -> ".join(each.name for each in [*path, decision])
                report(
                    "dmn-cycle",
                    f"Expected decisions that do not require themselves, but found {names}",
                    decision,
                )
                continue
            if key in finished:
                continue
            path.append(decision)
            on_path.add(key)
            waiting.append((decision, True))
            for href in decision.required_decisions:
                found = self.resolve(href)
                if found is not None and not found[0] and isinstance(found[1].element, elements.Decision):
                    waiting.append((found[1].element, False))


def _requirements(element: elements.Element) -> tuple[str, ...]:
    match element:
        case elements.Decision():
            return element.required_inputs + element.required_decisions + element.required_knowledge
        case elements.KnowledgeModel():
            return element.required_knowledge
    return ()
