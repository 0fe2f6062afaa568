"""Diagrams: the BPMN file with names in the visitor's language, and what to mark on it."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from flask import Response, request
from lxml import etree

from bpm_server.bpmn.model import GATEWAYS
from bpm_server.kernel import xml
from bpm_server.reports.diagrams import diagram_file
from bpm_server.reports.traces import trace
from bpm_server.web import access
from bpm_server.web.pages import formats
from bpm_server.web.pages.languages import LANGUAGES
from bpm_server.web.pages.visitor import visitor
from bpm_server.web.pages.wording import element_name

if TYPE_CHECKING:
    from bpm_server.bpmn.model import Process

A_DAY = "private, max-age=86400"
BPMN = "{http://www.omg.org/spec/BPMN/20100524/MODEL}"


def diagram_values(instance_key: int, process: Process, url: str) -> dict[str, Any]:
    """What the diagram of an instance shows; ``places``: the same in words, for who cannot see it."""
    found = trace(access.server(), instance_key)
    marks = {
        element_id: {
            "active": one.active,
            "done": one.done,
            "interrupted": one.interrupted,
            "incidents": one.incidents,
            "spent": formats.exact_duration(one.spent),
        }
        for element_id, one in found.elements.items()
        if element_id in process.nodes
    }
    places = [
        (element_name(process, element_id), one)
        for element_id, one in found.elements.items()
        if (one.active or one.incidents) and _is_place(process, element_id)
    ]
    return {"diagram": {"url": url, "elements": marks, "flows": sorted(found.flows)}, "places": places}


def _is_place(process: Process, element_id: str) -> bool:
    """Whether people would say that a case is there: not at a gateway, and not at a step with steps inside."""
    node = process.nodes.get(element_id)
    return node is not None and node.type not in GATEWAYS and not process.children.get(element_id)


def file_address(of: str, version: int) -> str:
    """Where the file of a case, task or process is fetched; the reply is kept by its address, so that says it all."""
    return f"{of}/diagram.bpmn?lang={visitor().language}&version={version}"


def file_reply(definition_key: int) -> Response:
    """The BPMN file of a definition; whether the reader may see it is the caller's question."""
    digest, content = diagram_file(access.server(), definition_key)
    asked = request.args.get("lang", "")  # in the address, because replies are kept by it
    body = _named(digest, asked if asked in LANGUAGES else visitor().language, content)
    response = Response(body, content_type="application/xml")
    response.headers["Cache-Control"] = A_DAY
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return response


@functools.lru_cache(maxsize=100)
def _named(digest: str, language: str, content: bytes) -> bytes:
    """The file with every ``name`` from its extension property of that language."""
    wanted = {f"name.{language}", f"name.{language.partition('-')[0]}"}
    if not any(name.encode() in content for name in wanted):
        return content
    root = xml.parse(content, name=f"{digest[:8]}.bpmn")
    for entry in root.iter("{*}property"):
        name, value = entry.get("name"), entry.get("value")
        element = entry.getparent()
        while element is not None and element.tag != f"{BPMN}extensionElements":
            element = element.getparent()
        owner = None if element is None else element.getparent()
        if name in wanted and value and owner is not None:
            owner.set("name", value)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")
