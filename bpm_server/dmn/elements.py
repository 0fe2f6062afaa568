"""A DMN file as plain values: what stands in it, nothing resolved, nothing compiled."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

HitPolicy = Literal["UNIQUE", "FIRST", "PRIORITY", "ANY", "COLLECT", "RULE ORDER", "OUTPUT ORDER"]
Aggregation = Literal["SUM", "COUNT", "MIN", "MAX"]
Orientation = Literal["Rule-as-Row", "Rule-as-Column", "CrossTable"]


@dataclass(frozen=True, slots=True)
class Text:
    """Text in an expression language.

    Attributes:
        language: As written; empty where it is that of the file.
    """

    text: str
    language: str = ""
    id: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True)
class Variable:
    """A name with a type (InformationItem)."""

    name: str
    type: str = ""


@dataclass(frozen=True, slots=True)
class ItemDefinition:
    """A named type, or a component of one."""

    name: str
    type: str = ""
    allowed: Text | None = None
    constraint: Text | None = None
    components: tuple[ItemDefinition, ...] = ()
    is_collection: bool = False
    function: FunctionItem | None = None
    line: int = 0


@dataclass(frozen=True, slots=True)
class FunctionItem:
    """The type of a function."""

    parameters: tuple[Variable, ...]
    result: str


# ---------------------------------------------------------------------- expressions


@dataclass(frozen=True, slots=True)
class Boxed:
    """Any boxed expression. ``type`` is what its value is converted to, empty where it is not."""

    id: str = field(default="", kw_only=True)
    type: str = field(default="", kw_only=True)
    line: int = field(default=0, kw_only=True)


@dataclass(frozen=True, slots=True)
class BoxedText(Boxed):
    """A box with text."""

    text: Text


@dataclass(frozen=True, slots=True)
class ContextEntry:
    """An entry of a boxed context; without a variable it is the result."""

    variable: Variable | None
    value: Boxed


@dataclass(frozen=True, slots=True)
class BoxedContext(Boxed):
    """Names with values, one below the other."""

    entries: tuple[ContextEntry, ...]


@dataclass(frozen=True, slots=True)
class BoxedInvocation(Boxed):
    """A function with named arguments."""

    function: Boxed
    bindings: tuple[tuple[str, Boxed | None], ...]


@dataclass(frozen=True, slots=True)
class BoxedList(Boxed):
    """Items, one below the other."""

    items: tuple[Boxed, ...]


@dataclass(frozen=True, slots=True)
class Relation(Boxed):
    """A list of contexts with the same names."""

    columns: tuple[Variable, ...]
    rows: tuple[tuple[Boxed, ...], ...]


@dataclass(frozen=True, slots=True)
class BoxedFunction(Boxed):
    """Parameters and a body; ``kind`` is FEEL, Java or PMML."""

    parameters: tuple[Variable, ...]
    body: Boxed | None
    kind: str = "FEEL"


@dataclass(frozen=True, slots=True)
class BoxedConditional(Boxed):
    """if, then, else"""

    condition: Boxed
    then: Boxed
    otherwise: Boxed


@dataclass(frozen=True, slots=True)
class BoxedFilter(Boxed):
    """A list and a condition."""

    values: Boxed
    condition: Boxed


@dataclass(frozen=True, slots=True)
class BoxedIterator(Boxed):
    """for, some, every"""

    kind: Literal["for", "some", "every"]
    variable: str
    values: Boxed
    body: Boxed


@dataclass(frozen=True, slots=True)
class InputClause:
    """A column of conditions.

    Attributes:
        variable: Name that the tested value also has in the cells (Camunda 7).
    """

    id: str
    label: str
    expression: Text
    type: str = ""
    allowed: Text | None = None
    variable: str = ""


@dataclass(frozen=True, slots=True)
class OutputClause:
    """A column of results."""

    id: str
    name: str
    label: str
    type: str = ""
    allowed: Text | None = None
    default: Text | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """A row of conditions and results."""

    id: str
    inputs: tuple[Text, ...]
    outputs: tuple[Text, ...]
    annotations: tuple[str, ...] = ()
    description: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True)
class DecisionTable(Boxed):
    """Rules under columns."""

    inputs: tuple[InputClause, ...]
    outputs: tuple[OutputClause, ...]
    rules: tuple[Rule, ...]
    hit_policy: HitPolicy = "UNIQUE"
    aggregation: Aggregation | None = None
    orientation: Orientation = "Rule-as-Row"
    output_label: str = ""
    annotations: tuple[str, ...] = ()


# ---------------------------------------------------------------------- the graph


@dataclass(frozen=True, slots=True)
class Element:
    """Anything that has an id and a name."""

    id: str
    name: str
    line: int = field(default=0, kw_only=True)


@dataclass(frozen=True, slots=True)
class InputData(Element):
    """A value from outside."""

    variable: Variable


@dataclass(frozen=True, slots=True)
class Decision(Element):
    """A decision; the requirements are references as written, the version tag is Camunda's."""

    variable: Variable
    logic: Boxed | None
    required_inputs: tuple[str, ...] = ()
    required_decisions: tuple[str, ...] = ()
    required_knowledge: tuple[str, ...] = ()
    version_tag: str = ""


@dataclass(frozen=True, slots=True)
class KnowledgeModel(Element):
    """A business knowledge model: a function."""

    variable: Variable
    logic: BoxedFunction | None
    required_knowledge: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DecisionService(Element):
    """Decisions behind one interface; the members are references as written."""

    variable: Variable
    outputs: tuple[str, ...]
    encapsulated: tuple[str, ...]
    input_decisions: tuple[str, ...]
    inputs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Import:
    """Another model, under a name."""

    name: str
    namespace: str
    location: str
    type: str
    line: int = 0


@dataclass(frozen=True, slots=True)
class Definitions:
    """A whole file.

    Attributes:
        version: Of DMN, by the namespace ("1.5").
        language: Expression language of texts that do not name theirs.
        platform: ``camunda8`` or ``camunda7`` where the file was made for one, else empty.
    """

    id: str
    name: str
    namespace: str
    version: str
    language: str
    platform: Literal["camunda8", "camunda7", ""]
    imports: tuple[Import, ...]
    items: tuple[ItemDefinition, ...]
    inputs: tuple[InputData, ...]
    decisions: tuple[Decision, ...]
    knowledge: tuple[KnowledgeModel, ...]
    services: tuple[DecisionService, ...]

    @property
    def elements(self) -> tuple[InputData | Decision | KnowledgeModel | DecisionService, ...]:
        """Everything that can be required."""
        return (*self.inputs, *self.decisions, *self.knowledge, *self.services)
