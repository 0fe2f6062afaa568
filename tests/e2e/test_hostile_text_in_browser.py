"""Names, labels, messages and values that would run as a script if a page let them: Chromium shows them as text."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from xml.sax.saxutils import quoteattr

import pytest

from tests.support.bpmn_builder import HEADER
from tests.support.browser import Person, browser
from tests.support.rest import PASSWORD, add_person, application, served

if TYPE_CHECKING:
    from tests.support.product import Product
    from tests.support.rest import Rest

pytestmark = pytest.mark.browser

MARK = "pwned"
ATTACK = (
    f"<script>window.{MARK}=1</script><img src=x onerror=window.{MARK}=2>\"'><svg onload=window.{MARK}=3>"
    f"</script></textarea></title>{{{{ {MARK} }}}}${{{MARK}}} javascript:window.{MARK}=4"
)
# Text and HTML fields may hold images and links, but none that run.
RICH = f"[{MARK}](javascript:window.{MARK}=5) <a href='javascript:window.{MARK}=6'>{MARK}</a> " + ATTACK.replace(
    "src=x", "src='data:,x'"
)


def process() -> bytes:
    """A task with a form, then a job that will fail; everything that has a name has this one."""
    text = quoteattr(ATTACK)
    properties = "".join(
        f"<zeebe:property name={quoteattr(name)} value={text}/>"
        for name in ("catalogue.category", "description", "catalogue.icon", "outcome.approved")
    )
    documentation = f"<bpmn:documentation>{ATTACK.replace('&', '&amp;').replace('<', '&lt;')}</bpmn:documentation>"
    return f"""{HEADER}<bpmn:process id="hostile" name={text} isExecutable="true">{documentation}
      <bpmn:extensionElements><zeebe:properties>{properties}
      <zeebe:property name="summary" value="note,customer"/></zeebe:properties></bpmn:extensionElements>
      <bpmn:startEvent id="s" name={text}><bpmn:extensionElements><zeebe:formDefinition formId="hostile"/>
      </bpmn:extensionElements></bpmn:startEvent>
      <bpmn:userTask id="look" name={text}>{documentation}<bpmn:extensionElements><zeebe:userTask/>
      <zeebe:formDefinition formId="hostile"/><zeebe:assignmentDefinition candidateUsers="ann"/>
      <zeebe:properties><zeebe:property name="outcomes" value="approved,rejected"/>{properties}</zeebe:properties>
      </bpmn:extensionElements></bpmn:userTask>
      <bpmn:serviceTask id="job" name={text}><bpmn:extensionElements><zeebe:taskDefinition type="work"/>
      </bpmn:extensionElements></bpmn:serviceTask><bpmn:endEvent id="e" name={text}/>
      <bpmn:sequenceFlow id="f" name={text} sourceRef="s" targetRef="look"/>
      <bpmn:sequenceFlow id="g" name={text} sourceRef="look" targetRef="job"/>
      <bpmn:sequenceFlow id="h" sourceRef="job" targetRef="e"/></bpmn:process>{drawing()}</bpmn:definitions>""".encode()


def drawing() -> str:
    """Where everything stands, so that the page draws the diagram with its names."""
    shapes = "".join(
        f'<di:BPMNShape id="{name}_di" bpmnElement="{name}"><dc:Bounds x="{x}" y="9" width="80" height="60"/>'
        "</di:BPMNShape>"
        for name, x in {"s": 100, "look": 200, "job": 350, "e": 500}.items()
    )
    spaces = 'xmlns:di="http://www.omg.org/spec/BPMN/20100524/DI" xmlns:dc="http://www.omg.org/spec/DD/20100524/DC"'
    plane = f'<di:BPMNPlane id="plane" bpmnElement="hostile">{shapes}</di:BPMNPlane>'
    return f'<di:BPMNDiagram {spaces} id="diagram">{plane}</di:BPMNDiagram>'


def form() -> bytes:
    options = [{"label": ATTACK, "value": ATTACK}]
    columns = [{"label": ATTACK, "key": "a"}]
    number = {"type": "number", "key": "n", "label": ATTACK, "appearance": {"prefixAdorner": ATTACK}}
    components = [
        {"type": "textfield", "key": "note", "label": ATTACK, "description": ATTACK},
        {"type": "textarea", "key": "customer", "label": ATTACK, "defaultValue": ATTACK},
        {"type": "select", "key": "kind", "label": ATTACK, "values": options},
        {"type": "radio", "key": "way", "label": ATTACK, "values": options},
        {"type": "checkbox", "key": "sure", "label": ATTACK},
        {"type": "text", "text": RICH},
        {"type": "html", "content": RICH},
        {"type": "image", "alt": ATTACK, "source": f'="javascript:window.{MARK}=7"'},
        {"type": "group", "label": ATTACK, "components": [number]},
        {"type": "table", "label": ATTACK, "rowCount": 5, "dataSource": "=rows", "columns": columns},
    ]
    return json.dumps({"id": "hostile", "type": "default", "schemaVersion": 19, "components": components}).encode()


def company(rest: Rest) -> dict[str, str]:
    """An open task, and a case that has an incident; their keys."""
    assert rest.upload((f"{MARK}.bpmn", process()), ("hostile.form", form())).status == 200
    values = {"note": ATTACK, "customer": ATTACK, "rows": [{"a": ATTACK}], ATTACK: ATTACK}
    body = {"processDefinitionId": "hostile", "variables": values, "businessId": ATTACK[:200]}
    keys = [rest.post("/v2/process-instances", body)["processInstanceKey"] for _ in range(2)]
    done, open_task = (rest.search("user-tasks", filter={"processInstanceKey": key})[0]["userTaskKey"] for key in keys)
    assert rest.post(f"/v2/user-tasks/{done}/completion", {"variables": {"note": ATTACK}}).status == 204
    [job] = rest.post("/v2/jobs/activation", {"type": "work", "timeout": 9999, "maxJobsToActivate": 1})["jobs"]
    failure = {"retries": 0, "errorMessage": ATTACK, "variables": {ATTACK: ATTACK}}
    assert rest.post(f"/v2/jobs/{job['jobKey']}/failure", failure).status == 204
    return {"done": done, "open": open_task, "broken": keys[0]}


def is_harmless(person: Person, path: str) -> str:
    """Nothing ran, nothing was drawn that the text asks for; returns what the page says."""
    person.goto(path)
    page = person.page
    assert page.evaluate(f"typeof window.{MARK}") == "undefined", path
    drawn = "img[src='x'], [onerror], [onload], a[href^='javascript:'], img[src^='javascript:']"
    assert [one.evaluate("(e) => e.outerHTML") for one in page.locator(drawn).all()] == [], path
    # form-js reads HTML fields before it cleans them: the page's policy stops what would run then.
    assert [one for one in person.problems if "The action has been blocked" not in one] == [], path
    text: str = page.inner_text("body")
    return text


def test_nothing_runs(bpm_sqlite: Product) -> None:
    bpm, rest = application(bpm_sqlite)
    add_person(bpm, "ann", roles=("admin",))
    rest = rest.basic("ann")
    person = {"name": ATTACK, "password": PASSWORD, "username": "eve", "email": "e@example.org"}
    assert rest.post("/v2/users", person).status == 201
    keys = company(rest)
    with served(rest.app) as url, browser() as chromium:
        ann = Person.of(chromium, url).sign_in("ann", PASSWORD)
        for path in [
            "/", "/?tab=done", "/?tab=started", "/start", "/start/hostile", "/instances",
            *[f"/tasks/{keys['open']}{pane}" for pane in ("", "/why", "/timeline", "/diagram")],
            *[f"/instances/{keys['broken']}{pane}" for pane in ("", "/timeline", "/diagram", "/data")],
        ]:  # fmt: skip
            assert MARK in is_harmless(ann, path), path
        is_harmless(ann, f"/?q={MARK}%22%3E%3Cimg%20src=x%20onerror=window.{MARK}=8%3E")
        is_harmless(ann, "/admin/webhooks")
