"""FEEL and DMN: evaluation after compilation, compilation, large tables; others in the same run.

SpiffWorkflow evaluates the same condition written in Python, as its gateways do. Feelin is the JavaScript FEEL that
form-js brings along (``@bpmn-io/feelin``, MIT); like SpiffWorkflow it has no compiled form, so it reads the text each
time. Both are also compared with our reading and evaluating without a cache.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

from SpiffWorkflow.bpmn.script_engine.python_environment import TaskDataEnvironment

from bpm_server import dmn, feel
from bpm_server.feel import compiler

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parent.parent
EXPRESSION = 'amount > 500000 and customer.level = "A"'
PYTHON = 'amount > 500000 and customer["level"] == "A"'
VARIABLES: dict[str, Any] = {"amount": 600_000, "customer": {"level": "A", "name": "上海华泰精密机械有限公司"}}
NOW = datetime(2026, 1, 31, tzinfo=UTC)
FEELIN = ROOT / "node_modules" / "@bpmn-io" / "feelin" / "package.json"
SCRIPT = """
import { evaluate } from '@bpmn-io/feelin';
const [expression, variables] = JSON.parse(process.argv[1]);
const run = () => { const r = evaluate(expression, variables); return r && r.value !== undefined ? r.value : r; };
if (run() !== true) throw new Error('wrong value: ' + run());
for (let i = 0; i < 2000; i++) run();
let best = Infinity;
for (let round = 0; round < 50; round++) {
  const started = process.hrtime.bigint();
  for (let i = 0; i < 20; i++) run();
  best = Math.min(best, Number(process.hrtime.bigint() - started) / 2e4);
}
console.log(best);
"""


def microseconds(act: Callable[[], Any], number: int, rounds: int = 50) -> float:
    """The best mean time of some short rounds, in microseconds: on a busy machine most of them are disturbed."""
    best = float("inf")
    for _ in range(rounds):
        started = time.perf_counter()
        for _ in range(number):
            act()
        best = min(best, time.perf_counter() - started)
    return best / number * 1e6


def compiled() -> tuple[float, float]:
    """Microseconds of the compiled form: its value alone, and with diagnostics."""
    expression = feel.compile(EXPRESSION)
    assert expression(VARIABLES) is True
    fast = microseconds(lambda: expression(VARIABLES), 5_000)
    return fast, microseconds(lambda: expression.evaluate(VARIABLES), 2_000)


def uncached() -> float:
    """Microseconds of reading, compiling and evaluating without a cache."""

    def run() -> None:
        compiler._compile_cached.cache_clear()
        feel.compile(EXPRESSION)(VARIABLES)

    return microseconds(run, 10)


def spiffworkflow() -> float:
    """Microseconds of SpiffWorkflow's evaluation of the condition in Python."""
    environment = TaskDataEnvironment()
    assert environment.evaluate(PYTHON, VARIABLES) is True
    return microseconds(lambda: environment.evaluate(PYTHON, VARIABLES), 500)


def feelin() -> float | None:
    """Microseconds of feelin; None without Node or the front-end packages."""
    node = shutil.which("node")
    if node is None or not FEELIN.is_file():
        return None
    command = [node, "--input-type=module", "-e", SCRIPT, json.dumps([EXPRESSION, VARIABLES])]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=120)
    return float(result.stdout)


def model_of_200() -> bytes:
    """A model of 200 decisions, each with an expression of its own."""
    shapes = (
        'if amount > {n} and customer.level = "A" then amount * 0.{n} else amount + {n}',
        "count(for line in lines return line.price * {n})",
        'some line in lines satisfies line.price > {n} and line.kind in ("a", "b{n}")',
        '{{net: amount * {n}, gross: net * 1.19, label: "no " + string({n})}}',
        "sum(lines[price > {n}].price) + decimal(amount / 7, 2)",
    )
    decisions = []
    for number in range(200):
        text = escape(shapes[number % len(shapes)].format(n=number + 1))
        decisions.append(
            f'<decision id="d{number}" name="d{number}"><variable name="d{number}"/>'
            f"<literalExpression><text>{text}</text></literalExpression></decision>"
        )
    return _definitions("".join(decisions))


def table(rules: int) -> bytes:
    """A decision table whose rules ask for a product, an interval of amounts and regions."""
    cells = ""
    for number in range(rules):
        low = number % 50 * 1000
        row = [f'"P{number % 100}"', f"[{low}..{low + 1000})", f'"A", "B{number // 100}"']
        cells += "<rule>" + "".join(f"<inputEntry><text>{escape(each)}</text></inputEntry>" for each in row)
        cells += f"<outputEntry><text>{number}</text></outputEntry></rule>"
    names = ("product", "amount", "region")
    inputs = "".join(f"<input><inputExpression><text>{name}</text></inputExpression></input>" for name in names)
    return _definitions(
        f'<decision id="d" name="d"><variable name="d"/><decisionTable hitPolicy="FIRST">{inputs}<output/>{cells}'
        "</decisionTable></decision>"
    )


def _definitions(content: str) -> bytes:
    spaces = 'xmlns="https://www.omg.org/spec/DMN/20191111/MODEL/" xmlns:m="http://camunda.org/schema/modeler/1.0"'
    return f'<definitions {spaces} id="m" m:executionPlatform="Camunda Cloud">{content}</definitions>'.encode()


def loading(data: bytes) -> tuple[float, float]:
    """Milliseconds until a model is read, checked and compiled; and until each decision has run once as well."""
    best = [float("inf"), float("inf")]
    variables = {**VARIABLES, "lines": [{"price": 5, "kind": "a"}, {"price": 12, "kind": "b"}]}
    for _ in range(3):
        compiler._compile_cached.cache_clear()
        started = time.perf_counter()
        model = dmn.load(data, name="m.dmn")
        best[0] = min(best[0], (time.perf_counter() - started) * 1e3)
        for decision in model.decisions:
            model.evaluate(decision.id, variables, now=NOW)
        best[1] = min(best[1], (time.perf_counter() - started) * 1e3)
    return best[0], best[1]


def deciding(rules: int) -> tuple[float, float]:
    """Milliseconds to load a table of so many rules, and microseconds of one decision, where a rule matches."""
    data = table(rules)
    started = time.perf_counter()
    model = dmn.load(data, name="m.dmn")
    loaded = (time.perf_counter() - started) * 1e3
    questions = [{"product": f"P{n % 50}", "amount": n % 50 * 1000 + 7, "region": "A"} for n in range(100)]
    assert all(model.evaluate("d", question).value is not None for question in questions)

    def run() -> None:
        for question in questions:
            model.evaluate("d", question, now=NOW)

    return loaded, microseconds(run, 1) / len(questions)


def run() -> list[tuple[str, str]]:
    """Rows of the report."""
    fast, explained = compiled()
    fresh, spiff, javascript = uncached(), spiffworkflow(), feelin()
    rows = [
        (f"{EXPRESSION}, compiled (goal 1.0 µs)", f"{fast:.2f} µs"),
        ("the same with diagnostics", f"{explained:.2f} µs"),
        ("the same read and compiled each time", f"{fresh:.0f} µs"),
        ("SpiffWorkflow, the same in Python (ratio to ours)", f"{spiff:.1f} µs ({spiff / fast:.0f} x)"),
    ]
    if javascript is None:
        rows.append(("feelin", "not measured: needs node and `make assets`"))
    else:
        rows.append(("feelin (ratio to ours)", f"{javascript:.0f} µs ({javascript / fast:.0f} x)"))
    loaded, evaluated = loading(model_of_200())
    rows.append(("model of 200 expressions: load; and each evaluated once", f"{loaded:.0f} ms; {evaluated:.0f} ms"))
    small_load, small = deciding(50)
    large_load, large = deciding(5_000)
    rows += [
        ("table of 50 rules: load; one decision", f"{small_load:.0f} ms; {small:.1f} µs"),
        (
            "table of 5,000 rules: load; one decision (ratio)",
            f"{large_load:.0f} ms; {large:.1f} µs ({large / small:.2f})",
        ),
    ]
    return rows
