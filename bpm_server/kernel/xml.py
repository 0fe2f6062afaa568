"""The only gate through which XML from outside becomes a tree.

No DOCTYPE, no entities, no network, bounded size, depth and number of elements.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lxml import etree

from bpm_server.kernel.findings import Finding, RefusedFile

if TYPE_CHECKING:
    from lxml.etree import _Element

MAX_BYTES = 10 * 1024 * 1024
MAX_ELEMENTS = 200_000
MAX_DEPTH = 200


def _parser() -> etree.XMLParser:
    return etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
        collect_ids=False,
    )


def _refuse(name: str, rule: str, message: str, line: int | None = None) -> RefusedFile:
    finding = Finding("error", rule, message, line=line, file=name)
    return RefusedFile(f"Expected {name} to be well-formed XML, but found: {message}", [finding])


def parse(data: bytes, *, name: str) -> _Element:
    """Parses untrusted bytes into the root element.

    Args:
        data: The file as it came.
        name: File name for messages.

    Raises:
        RefusedFile: too large, too deep, has a DOCTYPE, or is not well-formed; the finding names the line.
    """
    if len(data) > MAX_BYTES:
        raise _refuse(name, "xml-size", f"{len(data)} bytes, at most {MAX_BYTES} are allowed")
    try:
        root = etree.fromstring(data, _parser())
    except etree.XMLSyntaxError as error:
        message = error.msg or "nothing to parse"
        raise _refuse(name, "xml-syntax", message, error.lineno or 1) from error
    except ValueError as error:
        raise _refuse(name, "xml-syntax", str(error)) from error
    if root.getroottree().docinfo.doctype:
        raise _refuse(name, "xml-doctype", "a DOCTYPE, which is never allowed", 1)
    _check_shape(root, name)
    return root


def _check_shape(root: _Element, name: str) -> None:
    depth = elements = 0
    for event, element in etree.iterwalk(root, events=("start", "end")):
        if event == "end":
            depth -= 1
            continue
        depth += 1
        elements += 1
        if depth > MAX_DEPTH:
            raise _refuse(name, "xml-depth", f"elements nested more than {MAX_DEPTH} deep", element.sourceline)
        if elements > MAX_ELEMENTS:
            raise _refuse(name, "xml-elements", f"more than {MAX_ELEMENTS} elements", element.sourceline)
