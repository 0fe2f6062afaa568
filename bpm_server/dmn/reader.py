"""XML to :mod:`bpm_server.dmn.elements`: DMN 1.1 to 1.6, whatever the prefix, Camunda's extensions included."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, cast

from lxml import etree

from bpm_server.dmn import elements
from bpm_server.kernel.findings import Finding, refuse_errors
from bpm_server.kernel.xml import parse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lxml.etree import _Element

VERSIONS: Final = {
    "http://www.omg.org/spec/DMN/20151101/dmn.xsd": "1.1",
    "http://www.omg.org/spec/DMN/20151101/dmn11.xsd": "1.1",
    "http://www.omg.org/spec/DMN/20180521/MODEL/": "1.2",
    "https://www.omg.org/spec/DMN/20191111/MODEL/": "1.3",
    "https://www.omg.org/spec/DMN/20211108/MODEL/": "1.4",
    "https://www.omg.org/spec/DMN/20230324/MODEL/": "1.5",
    "https://www.omg.org/spec/DMN/20240513/MODEL/": "1.6",
}
_CAMUNDA: Final = "{http://camunda.org/schema/1.0/dmn}"
_MODELER: Final = "{http://camunda.org/schema/modeler/1.0}"
_EXPORTERS: Final = frozenset({"Camunda Modeler", "dmn-js (https://demo.bpmn.io/dmn)"})
_BOXES: Final = frozenset(
    {
        *("literalExpression", "decisionTable", "context", "invocation", "list", "relation"),
        *("functionDefinition", "conditional", "filter", "for", "some", "every"),
    }
)
_HIT_POLICIES: Final = frozenset({"UNIQUE", "FIRST", "PRIORITY", "ANY", "COLLECT", "RULE ORDER", "OUTPUT ORDER"})
_AGGREGATIONS: Final = frozenset({"SUM", "COUNT", "MIN", "MAX"})


def read(data: bytes, *, name: str) -> elements.Definitions:
    """Reads a DMN file.

    Raises:
        RefusedFile: not XML, not DMN, or without what every element needs.
    """
    root = parse(data, name=name)
    reader = _Reader(root, name)
    definitions = reader.definitions()
    refuse_errors(name, reader.findings)
    return definitions


class _Reader:
    """One run over a document."""

    def __init__(self, root: _Element, file: str) -> None:
        self._root = root
        self._file = file
        self.findings: list[Finding] = []
        namespace = etree.QName(root).namespace or ""
        self._space = f"{{{namespace}}}"
        self._version = VERSIONS.get(namespace, "")

    # ------------------------------------------------------------------ access

    def _error(self, rule: str, message: str, element: _Element) -> None:
        self.findings.append(
            Finding(
                "error",
                rule,
                message,
                element=element.get("id"),
                name=element.get("name"),
                line=_line(element),
                file=self._file,
            )
        )

    def _tag(self, element: _Element) -> str:
        """The local name of a DMN element; empty for those of extensions."""
        tag = str(element.tag)
        return tag[len(self._space) :] if tag.startswith(self._space) else ""

    def _all(self, element: _Element, tag: str) -> Iterator[_Element]:
        yield from element.iterchildren(self._space + tag)

    def _one(self, element: _Element, tag: str) -> _Element | None:
        return next(self._all(element, tag), None)

    def _box(self, element: _Element) -> elements.Boxed | None:
        """The boxed expression among the children."""
        return next((self._boxed(child) for child in element if self._tag(child) in _BOXES), None)

    def _needed(self, element: _Element, tag: str) -> elements.Boxed:
        """The boxed expression inside a child; an error where there is none."""
        child = self._one(element, tag)
        box = None if child is None else self._box(child)
        if box is None:
            self._error("dmn-missing-expression", f"Expected an expression in '{tag}', but found none", element)
            return elements.BoxedText(elements.Text("null"))
        return box

    def _text(self, element: _Element | None) -> elements.Text | None:
        if element is None:
            return None
        child = self._one(element, "text")
        text = "" if child is None else (child.text or "")
        line = _line(element if child is None else child)
        return elements.Text(text.strip(), element.get("expressionLanguage", ""), element.get("id", ""), line)

    def _references(self, element: _Element, outer: str, inner: str) -> tuple[str, ...]:
        """``href`` of the inner elements within each outer one."""
        found = []
        for requirement in self._all(element, outer):
            reference = self._one(requirement, inner)
            if reference is not None and reference.get("href"):
                found.append(reference.get("href", ""))
        return tuple(found)

    def _hrefs(self, element: _Element, tag: str) -> tuple[str, ...]:
        return tuple(child.get("href", "") for child in self._all(element, tag) if child.get("href"))

    @staticmethod
    def _type(element: _Element) -> str:
        """A type reference; DMN 1.1 wrote them with the prefix of a namespace."""
        return _plain_type(element.get("typeRef", ""), element)

    # ------------------------------------------------------------------ the file

    def definitions(self) -> elements.Definitions:
        """The whole file."""
        root = self._root
        if not self._version or self._tag(root) != "definitions":
            self._error("dmn-namespace", f"Expected DMN definitions, but found {root.tag!s}", root)
        return elements.Definitions(
            id=root.get("id", ""),
            name=root.get("name", ""),
            namespace=root.get("namespace", ""),
            version=self._version,
            language=root.get("expressionLanguage", ""),
            platform=self._platform(),
            imports=tuple(self._import(each) for each in self._all(root, "import")),
            items=tuple(self._item(each) for each in self._all(root, "itemDefinition")),
            inputs=tuple(self._input_data(each) for each in self._elements("inputData")),
            decisions=tuple(self._decision(each) for each in self._elements("decision")),
            knowledge=tuple(self._knowledge(each) for each in self._elements("businessKnowledgeModel")),
            services=tuple(self._service(each) for each in self._elements("decisionService")),
        )

    def _elements(self, tag: str) -> Iterator[_Element]:
        for element in self._all(self._root, tag):
            if not element.get("name"):
                self._error("dmn-missing-name", f"Expected a name of the {tag}, but found none", element)
            yield element

    def _platform(self) -> Literal["camunda8", "camunda7", ""]:
        platform = self._root.get(f"{_MODELER}executionPlatform", "")
        if platform == "Camunda Cloud":
            return "camunda8"
        if platform == "Camunda Platform":
            return "camunda7"
        made_by_camunda = _CAMUNDA[1:-1] in {*self._root.nsmap.values(), self._root.get("namespace")}
        if self._root.get("exporter", "") in _EXPORTERS:
            uses_camunda7 = any(str(name).startswith(_CAMUNDA) for each in self._root.iter() for name in each.attrib)
            return "camunda7" if self._version == "1.1" or uses_camunda7 else "camunda8"
        return "camunda7" if made_by_camunda else ""

    def _import(self, element: _Element) -> elements.Import:
        return elements.Import(
            element.get("name", ""),
            element.get("namespace", ""),
            element.get("locationURI", ""),
            element.get("importType", ""),
            _line(element),
        )

    def _item(self, element: _Element) -> elements.ItemDefinition:
        child = self._one(element, "typeRef")
        written = "" if child is None else (child.text or "").strip()
        function = self._one(element, "functionItem")
        return elements.ItemDefinition(
            name=element.get("name", ""),
            type=_plain_type(written, element),
            allowed=self._text(self._one(element, "allowedValues")),
            constraint=self._text(self._one(element, "typeConstraint")),
            components=tuple(self._item(each) for each in self._all(element, "itemComponent")),
            is_collection=element.get("isCollection") in {"true", "1"},
            function=None if function is None else self._function_item(function),
            line=_line(element),
        )

    def _function_item(self, element: _Element) -> elements.FunctionItem:
        parameters = tuple(self._named(each) for each in self._all(element, "parameters"))
        return elements.FunctionItem(parameters, _plain_type(element.get("outputTypeRef", ""), element))

    def _named(self, element: _Element) -> elements.Variable:
        return elements.Variable(element.get("name", ""), self._type(element))

    def _variable(self, element: _Element) -> elements.Variable:
        """The variable of an element; where none is written, one of the element's name."""
        child = self._one(element, "variable")
        if child is None or not child.get("name"):
            return elements.Variable(element.get("name", ""), "" if child is None else self._type(child))
        return self._named(child)

    def _input_data(self, element: _Element) -> elements.InputData:
        line = _line(element)
        return elements.InputData(element.get("id", ""), element.get("name", ""), self._variable(element), line=line)

    def _decision(self, element: _Element) -> elements.Decision:
        return elements.Decision(
            element.get("id", ""),
            element.get("name", ""),
            self._variable(element),
            self._box(element),
            self._references(element, "informationRequirement", "requiredInput"),
            self._references(element, "informationRequirement", "requiredDecision"),
            self._references(element, "knowledgeRequirement", "requiredKnowledge"),
            self._version_tag(element),
            line=_line(element),
        )

    def _version_tag(self, element: _Element) -> str:
        """Camunda 7 writes it as an attribute, Camunda 8 as an extension element."""
        extensions = self._one(element, "extensionElements")
        tags = [] if extensions is None else [each for each in extensions if str(each.tag).endswith("}versionTag")]
        return element.get(f"{_CAMUNDA}versionTag", tags[0].get("value", "") if tags else "")

    def _knowledge(self, element: _Element) -> elements.KnowledgeModel:
        logic = self._one(element, "encapsulatedLogic")
        return elements.KnowledgeModel(
            element.get("id", ""),
            element.get("name", ""),
            self._variable(element),
            None if logic is None else self._function(logic),
            self._references(element, "knowledgeRequirement", "requiredKnowledge"),
            line=_line(element),
        )

    def _service(self, element: _Element) -> elements.DecisionService:
        return elements.DecisionService(
            element.get("id", ""),
            element.get("name", ""),
            self._variable(element),
            self._hrefs(element, "outputDecision"),
            self._hrefs(element, "encapsulatedDecision"),
            self._hrefs(element, "inputDecision"),
            self._hrefs(element, "inputData"),
            line=_line(element),
        )

    # ------------------------------------------------------------------ boxes

    def _boxed(self, element: _Element) -> elements.Boxed:
        match self._tag(element):
            case "literalExpression":
                return self._literal(element)
            case "decisionTable":
                return self._table(element)
            case "context":
                return self._context(element)
            case "invocation":
                return self._invocation(element)
            case "functionDefinition":
                return self._function(element)
            case "relation":
                return self._relation(element)
            case "list":
                items = tuple(self._boxed(child) for child in element if self._tag(child) in _BOXES)
                return elements.BoxedList(items, **self._common(element))
            case "conditional":
                condition, then, otherwise = (self._needed(element, tag) for tag in ("if", "then", "else"))
                return elements.BoxedConditional(condition, then, otherwise, **self._common(element))
            case "filter":
                values, condition = self._needed(element, "in"), self._needed(element, "match")
                return elements.BoxedFilter(values, condition, **self._common(element))
            case kind:
                return self._iterator(element, kind)

    def _common(self, element: _Element) -> dict[str, Any]:
        line = _line(element)
        return {"id": element.get("id", ""), "type": self._type(element), "line": line}

    def _literal(self, element: _Element) -> elements.Boxed:
        text = self._text(element) or elements.Text("")
        return elements.BoxedText(text, **self._common(element))

    def _context(self, element: _Element) -> elements.Boxed:
        entries = []
        for child in self._all(element, "contextEntry"):
            variable = self._one(child, "variable")
            value = self._box(child)
            if value is None:
                value = elements.BoxedText(elements.Text("null"))
            entries.append(elements.ContextEntry(None if variable is None else self._named(variable), value))
        return elements.BoxedContext(tuple(entries), **self._common(element))

    def _invocation(self, element: _Element) -> elements.Boxed:
        bindings = []
        for child in self._all(element, "binding"):
            parameter = self._one(child, "parameter")
            name = "" if parameter is None else parameter.get("name", "")
            bindings.append((name, self._box(child)))
        function = self._box(element) or elements.BoxedText(elements.Text("null"))
        return elements.BoxedInvocation(function, tuple(bindings), **self._common(element))

    def _relation(self, element: _Element) -> elements.Boxed:
        columns = tuple(self._named(child) for child in self._all(element, "column"))
        rows = tuple(
            tuple(self._boxed(child) for child in row if self._tag(child) in _BOXES)
            for row in self._all(element, "row")
        )
        return elements.Relation(columns, rows, **self._common(element))

    def _function(self, element: _Element) -> elements.BoxedFunction:
        parameters = tuple(self._named(child) for child in self._all(element, "formalParameter"))
        kind = element.get("kind", "FEEL")
        return elements.BoxedFunction(parameters, self._box(element), kind, **self._common(element))

    def _iterator(self, element: _Element, kind: str) -> elements.Boxed:
        body = self._needed(element, "return" if kind == "for" else "satisfies")
        return elements.BoxedIterator(
            cast("Literal['for', 'some', 'every']", kind),
            element.get("iteratorVariable", ""),
            self._needed(element, "in"),
            body,
            **self._common(element),
        )

    # ------------------------------------------------------------------ tables

    def _table(self, element: _Element) -> elements.Boxed:
        inputs = tuple(self._input(child) for child in self._all(element, "input"))
        outputs = tuple(self._output(child) for child in self._all(element, "output"))
        if not outputs:
            self._error("dmn-missing-output", "Expected at least one output of the table, but found none", element)
        hit_policy = element.get("hitPolicy", "UNIQUE")
        if hit_policy not in _HIT_POLICIES:
            self._error("dmn-hit-policy", f"Expected a hit policy, but found '{hit_policy}'", element)
        aggregation = element.get("aggregation")
        if aggregation is not None and aggregation not in _AGGREGATIONS:
            self._error("dmn-aggregation", f"Expected SUM, COUNT, MIN or MAX, but found '{aggregation}'", element)
        return elements.DecisionTable(
            inputs,
            outputs,
            tuple(self._rule(child, len(inputs), len(outputs)) for child in self._all(element, "rule")),
            cast("elements.HitPolicy", hit_policy),
            cast("elements.Aggregation | None", aggregation),
            cast("elements.Orientation", element.get("preferredOrientation", "Rule-as-Row")),
            element.get("outputLabel", ""),
            tuple(child.get("name", "") for child in self._all(element, "annotation")),
            **self._common(element),
        )

    def _input(self, element: _Element) -> elements.InputClause:
        expression = self._one(element, "inputExpression")
        return elements.InputClause(
            element.get("id", ""),
            element.get("label", ""),
            self._text(expression) or elements.Text(""),
            "" if expression is None else self._type(expression),
            self._text(self._one(element, "inputValues")),
            element.get(f"{_CAMUNDA}inputVariable", ""),
        )

    def _output(self, element: _Element) -> elements.OutputClause:
        return elements.OutputClause(
            element.get("id", ""),
            element.get("name", ""),
            element.get("label", ""),
            self._type(element),
            self._text(self._one(element, "outputValues")),
            self._text(self._one(element, "defaultOutputEntry")),
        )

    def _rule(self, element: _Element, inputs: int, outputs: int) -> elements.Rule:
        conditions = tuple(self._cell(child) for child in self._all(element, "inputEntry"))
        results = tuple(self._cell(child) for child in self._all(element, "outputEntry"))
        if len(conditions) != inputs or len(results) != outputs:
            self._error(
                "dmn-rule-cells",
                f"Expected {inputs} input and {outputs} output entries, but found {len(conditions)} and {len(results)}",
                element,
            )
        description = self._one(element, "description")
        annotations = (self._text(child) for child in self._all(element, "annotationEntry"))
        return elements.Rule(
            element.get("id", ""),
            conditions,
            results,
            tuple("" if text is None else text.text for text in annotations),
            "" if description is None else (description.text or "").strip(),
            _line(element),
        )

    def _cell(self, element: _Element) -> elements.Text:
        return self._text(element) or elements.Text("")


def _line(element: _Element) -> int:
    line: int = element.sourceline  # type: ignore[assignment]
    return line


def _plain_type(reference: str, element: _Element) -> str:
    """A type name without the prefix of a namespace (``feel:string`` in DMN 1.1)."""
    prefix, colon, name = reference.partition(":")
    return name if colon and prefix in element.nsmap else reference
