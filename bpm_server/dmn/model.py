"""A loaded model and its evaluation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bpm_server.dmn import elements
from bpm_server.dmn.boxed import Builder
from bpm_server.dmn.checks import ModelChecks
from bpm_server.dmn.evaluation import ModelEvaluation
from bpm_server.dmn.graph import Graph, OutputOf, Reference, Scope
from bpm_server.dmn.itemtypes import ItemType, ItemTypes
from bpm_server.dmn.reader import read
from bpm_server.dmn.texts import Texts
from bpm_server.feel import Expression, FeelSyntaxError
from bpm_server.feel import compile as compile_feel
from bpm_server.feel.builtins import LIBRARIES
from bpm_server.feel.dialects import CAMUNDA8, DMN, Dialect
from bpm_server.feel.errors import Source
from bpm_server.feel.evaluation import DEFAULT_BUDGET, Budget, Run
from bpm_server.feel.generate import Part
from bpm_server.feel.types import FunctionType
from bpm_server.kernel.errors import NotFound
from bpm_server.kernel.findings import Finding, Severity, refuse_errors

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from bpm_server.dmn.results import DecisionResult
    from bpm_server.feel import nodes
    from bpm_server.feel.compiler import Variables

MAX_IMPORTS: Final = 20
"""Models that import one another."""
_DMN_IMPORTS: Final = frozenset({"", "DMN", "dmn"})
"""Import types that mean DMN, besides its namespaces."""


class Model:
    """A compiled DMN file. It holds no state, so threads may share it.

    Attributes:
        id: Of the definitions.
        name: Of the definitions.
        namespace: Of the definitions.
        definitions: The file as read.
        findings: Remarks that do not keep it from running.
    """

    def __init__(self, definitions: elements.Definitions, imports: dict[str, Model], file: str) -> None:
        self.id = definitions.id
        self.name = definitions.name
        self.namespace = definitions.namespace
        self.definitions = definitions
        self.findings: tuple[Finding, ...] = ()
        self._file = file
        self._found: list[Finding] = []
        self.dialect: Dialect = CAMUNDA8 if definitions.platform else DMN
        self.types = ItemTypes(self._compile_tests, self._report_type)
        self.types.add(definitions.items)
        for name, imported in imports.items():
            self.types.add_imported(name, imported.types)
        self.imports = imports
        self.graph = Graph(self, definitions, imports)
        self._scopes: dict[str, Scope] = {}
        self._logic: dict[str, Part] = {}

    # ------------------------------------------------------------------ contents

    @property
    def decisions(self) -> tuple[elements.Decision, ...]:
        """The decisions of the file, without those of its imports."""
        return self.definitions.decisions

    @property
    def knowledge_models(self) -> tuple[elements.KnowledgeModel, ...]:
        """The business knowledge models of the file."""
        return self.definitions.knowledge

    @property
    def services(self) -> tuple[elements.DecisionService, ...]:
        """The decision services of the file."""
        return self.definitions.services

    @property
    def inputs(self) -> tuple[elements.InputData, ...]:
        """The input data of the file."""
        return self.definitions.inputs

    # ------------------------------------------------------------------ evaluation

    def evaluate(
        self,
        decision: str,
        variables: Variables,
        *,
        now: datetime | None = None,
        seed: int | None = None,
        budget: Budget = DEFAULT_BUDGET,
    ) -> DecisionResult:
        """Makes a decision.

        Args:
            decision: Id or name of a decision, or of a decision service or business knowledge model.
            variables: Input data by name.
            now: Aware time that ``now()`` and ``today()`` return.
            seed: Makes ``uuid()`` and ``random number()`` give the same each time.
            budget: What may be spent.

        Raises:
            NotFound: there is nothing of that id or name.
        """
        reference = self.graph.find(decision, ("decision",)) or self.graph.find(decision, ("service", "knowledge"))
        if reference is None:
            message = f"Expected a decision '{decision}' in '{self._file}', but found none"
            raise NotFound(message, decision=decision)
        run = Run(self.dialect, now=now, seed=seed, budget=budget)
        return ModelEvaluation(run, variables).result(reference)

    # ------------------------------------------------------------------ compiled parts

    def scope(self, element: elements.Element) -> Scope:
        """The names that the logic of an element reads."""
        return self._scopes[element.id or element.name]

    def logic(self, element: elements.Element) -> Part:
        """The compiled logic of a decision or knowledge model; compiled to Python when it is first run."""
        return self._logic[element.id or element.name]

    def type_of(self, reference: str) -> ItemType:
        """The item type of a reference."""
        return self.types.named(reference)

    def result_type(self, variable: elements.Variable) -> ItemType | None:
        """The type of the result of a knowledge model or service: of its function type, or its own."""
        if not variable.type:
            return None
        item = self.types.named(variable.type)
        return ItemType(item.type.result) if isinstance(item.type, FunctionType) else item

    def compile(self, *, check: bool = True) -> None:
        """Reads all texts of the model; what is wrong becomes findings.

        Args:
            check: Also look for what is only suspicious: warnings.
        """
        members = self.types.component_names() | self._imported_names()
        for name in self.types.names():
            self.types.named(name)
        for each in self.definitions.elements:
            self.types.named(each.variable.type, each.line)
        self.graph.report_duplicates(self._report_element)
        texts = Texts(self.dialect, self.definitions, self.types, members, self._report_text)
        builder = Builder(texts, self.types)
        logic: list[elements.Decision | elements.KnowledgeModel] = [
            *self.definitions.knowledge,
            *self.definitions.decisions,
        ]
        trees = [(each, self._built(builder, each)) for each in logic]
        self.graph.report_cycles(self._report_element)
        if check:
            checks = ModelChecks(self, texts, self._found.append, self._file)
            for element, tree in trees:
                checks.check_logic(element, tree)
            for table, owner in builder.tables:
                checks.check_table(table, owner)
        for table, _ in builder.tables:
            table.forget()
        self.findings = tuple(dict.fromkeys(self._found))

    def _imported_names(self) -> set[str]:
        names: set[str] = set()
        for model in self.imports.values():
            names.update(reference.variable.name for reference in model.graph.references.values())
            names |= model.types.component_names()
        return names

    def _built(self, builder: Builder, element: elements.Decision | elements.KnowledgeModel) -> nodes.Node:
        """The tree of an element's logic, kept to be compiled when it is first run."""
        key = element.id or element.name
        scope = self.graph.scope_of(element, self._report_element)
        if isinstance(element, elements.KnowledgeModel):
            scope.setdefault(element.variable.name, self.graph.references[key])
        self._add_aliases(scope)
        self._scopes[key] = scope
        names = frozenset(scope)
        kind = "decision" if isinstance(element, elements.Decision) else "business knowledge model"
        owner = f"{kind} '{element.name}'"
        if isinstance(element, elements.KnowledgeModel):
            node = builder.function(element.logic or elements.BoxedFunction((), None), names, owner)
        else:
            node = builder.build(element.logic, names, owner)
        variables = names if self.dialect.spaced_names else frozenset[str]()
        self._logic[key] = Part(node, Source("", owner), self.dialect, LIBRARIES[self.dialect.name], variables)
        return node

    def _add_aliases(self, scope: Scope) -> None:
        """Camunda reads a required decision by its id, name or output names too."""
        if not self.definitions.platform:
            return
        for reference in [each for each in scope.values() if isinstance(each, Reference) and each.kind == "decision"]:
            for alias in (reference.element.id, reference.element.name):
                scope.setdefault(alias, reference)
            logic = reference.element.logic if isinstance(reference.element, elements.Decision) else None
            for clause in logic.outputs if isinstance(logic, elements.DecisionTable) else ():
                scope.setdefault(clause.name or reference.element.id, OutputOf(reference, clause.name))

    # ------------------------------------------------------------------ findings

    def _compile_tests(self, text: elements.Text, owner: str) -> Expression | None:
        try:
            return compile_feel(text.text, kind="unary", dialect=self.dialect.name, element=owner)
        except FeelSyntaxError as error:
            self._report_text("feel-syntax", f"{owner}: {error.message}", text)
            return None

    def _report_type(self, rule: str, message: str, line: int) -> None:
        tolerated = rule == "dmn-unknown-type" and bool(self.definitions.platform)
        severity: Severity = "warning" if tolerated else "error"
        self._found.append(Finding(severity, rule, message, line=line or None, file=self._file))

    def _report_text(self, rule: str, message: str, text: elements.Text) -> None:
        self._found.append(
            Finding("error", rule, message, element=text.id or None, line=text.line or None, file=self._file)
        )

    def _report_element(self, rule: str, message: str, element: elements.Element) -> None:
        self._found.append(
            Finding(
                "error",
                rule,
                message,
                element=element.id,
                name=element.name,
                line=element.line,
                file=self._file,
            )
        )


def load(
    data: bytes,
    *,
    name: str,
    imports: Callable[[str, str], bytes | None] | Mapping[str, bytes] | None = None,
    strict: bool = True,
    check: bool = True,
) -> Model:
    """Reads and compiles a DMN file.

    Args:
        data: The file.
        name: File name for messages.
        imports: Where imported models come from: by namespace, or a function of namespace and location.
        strict: Errors refuse the file. Otherwise they are findings, and what has them is null.
        check: Also look for what is only suspicious; it becomes warnings.

    Raises:
        RefusedFile: not DMN, or with errors; its findings name decision, rule and cell.
    """
    model = _load(data, name, imports, (), check=check)
    if strict:
        refuse_errors(name, model.findings)
    return model


def _load(
    data: bytes,
    name: str,
    imports: Callable[[str, str], bytes | None] | Mapping[str, bytes] | None,
    path: tuple[str, ...],
    *,
    check: bool,
) -> Model:
    definitions = read(data, name=name)
    findings: list[Finding] = []
    imported: dict[str, Model] = {}
    for each in definitions.imports:
        if "spec/DMN" not in each.type and each.type not in _DMN_IMPORTS:
            continue
        found = _find_import(each, imports)
        if found is None or each.namespace in path or len(path) > MAX_IMPORTS:
            what = "none" if found is None else "one that imports this file in turn"
            message = f"Expected a model of the namespace '{each.namespace}' to import, but found {what}"
            findings.append(Finding("error", "dmn-import", message, line=each.line, file=name))
            continue
        inner = _load(found, each.location or each.namespace, imports, (*path, definitions.namespace), check=False)
        findings += [finding for finding in inner.findings if finding.severity == "error"]
        imported[each.name] = inner
    model = Model(definitions, imported, name)
    model.compile(check=check)
    model.findings = (*findings, *model.findings)
    return model


def _find_import(
    wanted: elements.Import, imports: Callable[[str, str], bytes | None] | Mapping[str, bytes] | None
) -> bytes | None:
    if imports is None:
        return None
    if callable(imports):
        return imports(wanted.namespace, wanted.location)
    return imports.get(wanted.namespace) or imports.get(wanted.location)
