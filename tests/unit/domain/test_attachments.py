"""Which files may be attached: name and content say the same, and the type is allowed."""

from __future__ import annotations

import io
import zipfile

import openpyxl
import pytest

from bpm_server.domain.attachments import FILE_TYPES, HEAD, check_file, check_types
from bpm_server.kernel.errors import InvalidInput
from bpm_server.settings import ATTACHMENT_TYPES

PNG = b"\x89PNG\r\n\x1a\n" + bytes(40)
PDF = b"%PDF-1.7\n" + b"x" * 100
EXE = b"MZ\x90\x00" + bytes(300)
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500)


def zipped(*names: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name in names:
            file.writestr(name, "x")
    return buffer.getvalue()


def workbook() -> bytes:
    buffer = io.BytesIO()
    openpyxl.Workbook().save(buffer)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("发票.PDF", PDF, "application/pdf"),
        ("C:\\temp\\a.png", PNG, "image/png"),
        ("photo.jpeg", b"\xff\xd8\xff\xe0" + bytes(30), "image/jpeg"),
        ("a.xlsx", workbook(), FILE_TYPES["xlsx"].content_type),
        ("a.docx", zipped("word/document.xml"), FILE_TYPES["docx"].content_type),
        ("invoice.ofd", zipped("OFD.xml"), "application/ofd"),
        ("a.zip", zipped("a"), "application/zip"),
        ("old.doc", OLE, "application/msword"),
        ("a.txt", "第一行\n".encode(), "text/plain"),
        ("from-excel.csv", "姓名,金额\n".encode("gb18030"), "text/csv"),
    ],
)
def test_files_that_are_what_they_say(name: str, content: bytes, kind: str) -> None:
    assert check_file(name, content[:HEAD], ATTACHMENT_TYPES) == kind


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("photo.png", EXE, "content"),
        ("photo.png", b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "content"),
        ("photo.jpg", b"#!/bin/sh\nrm -rf /\n", "content"),
        ("report.pdf", b"<html><script>alert(1)</script>", "content"),
        ("notes.txt", b"#!/usr/bin/env python\n", "content"),
        ("notes.txt", PNG, "content"),
        ("notes.txt", b"a\x00b", "content"),
        ("a.docx", PDF, "content"),
        ("a.pdf", PNG, "content"),
        ("a.doc", EXE, "content"),
        ("a.svg", b"<svg/>", "extension"),
        ("a.html", b"<p>", "extension"),
        ("a.exe", EXE, "extension"),
        ("a.pdf.exe", PDF, "extension"),
        ("pdf", PDF, "extension"),
        ("a.pdf", b"", "empty"),
        ("", PDF, "name"),
        ("a\x07.pdf", PDF, "name"),
        ("a\u202efdp.pdf", PDF, "name"),
        ("x" * 260 + ".pdf", PDF, "name"),
    ],
)
def test_files_that_are_refused(name: str, content: bytes, reason: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        check_file(name, content[:HEAD], ATTACHMENT_TYPES)
    assert caught.value.details["reason"] == reason


def test_text_may_be_cut_in_a_character() -> None:
    text = ("字" * HEAD).encode()
    for cut in range(3):
        assert check_file("a.txt", text[: HEAD - cut].ljust(HEAD, b"a")[:HEAD] if cut else text[:HEAD], ("txt",))
    with pytest.raises(InvalidInput):
        check_file("a.txt", b"caf\xff", ("txt",))


def test_only_what_is_allowed() -> None:
    with pytest.raises(InvalidInput, match=r"Expected a file of the types pdf, but found 'a\.png'"):
        check_file("a.png", PNG, ("pdf",))


def test_types_that_nobody_can_tell_cannot_be_allowed() -> None:
    check_types(ATTACHMENT_TYPES)
    assert set(ATTACHMENT_TYPES) == set(FILE_TYPES)
    with pytest.raises(InvalidInput, match="but found exe"):
        check_types(("pdf", "exe"))
