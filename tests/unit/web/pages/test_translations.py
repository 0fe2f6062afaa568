"""Every text that people see can be translated, and is."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path

import pytest
from babel.messages import Catalog, extract, pofile
from jinja2 import Environment

import bpm_server.web
from bpm_server.web.pages.languages import DEFAULT, FOLDER, LANGUAGES

WEB = Path(bpm_server.web.__file__).parent
METHODS = [("pages/**.py", "python"), ("templates/**.html", "jinja2")]
KEYWORDS = {"_": None, "gettext": None, "ngettext": (1, 2)}
TEMPLATES = sorted((WEB / "templates").rglob("*.html"))
TRANSLATED = [language for language in LANGUAGES if (FOLDER / f"{language}.po").is_file()]
UNTRANSLATABLE = {
    "bpm-server", "webhook-id", "ms", "finance", "j", "Enter", "https://example.com/hooks", "https://www.example.com",
}  # fmt: skip
"""Names, units, keys and samples, the same in every language."""
SEEN = {"title", "alt", "placeholder", "aria-label", "data-label", "data-confirm"}
CODE = "\x00"


def used() -> Catalog:
    found = Catalog()
    for _file, _line, message, _comments, _context in extract.extract_from_dir(
        WEB, METHODS, options_map={"templates/**.html": {"trimmed": "true"}}, keywords=KEYWORDS
    ):
        found.add(message)
    return found


def read(language: str) -> Catalog:
    return pofile.read_po(BytesIO((FOLDER / f"{language}.po").read_bytes()), locale=None)


def fields(text: str) -> set[str]:
    return set(re.findall(r"%\((\w+)\)s", text))


def test_every_language_but_english_has_its_file() -> None:
    assert {*TRANSLATED, "en"} == set(LANGUAGES)
    assert DEFAULT in LANGUAGES


@pytest.mark.parametrize("language", TRANSLATED)
def test_every_text_is_translated_and_no_translation_is_left_over(language: str) -> None:
    wanted, found = used(), read(language)
    texts = {str(one.id if isinstance(one.id, str) else one.id[0]) for one in wanted if one.id}
    assert len(texts) > 200, "the texts are found at all"
    translated = {
        str(one.id if isinstance(one.id, str) else one.id[0])
        for one in found
        if one.id and (one.string if isinstance(one.string, str) else all(one.string))
    }
    assert texts - translated == set()
    assert translated - texts == set()


@pytest.mark.parametrize("language", TRANSLATED)
def test_translations_fill_in_the_same_values(language: str) -> None:
    for one in read(language):
        ids = [one.id] if isinstance(one.id, str) else list(one.id)
        strings = [one.string] if isinstance(one.string, str) else list(one.string)
        if any(ids):
            assert {frozenset(fields(text)) for text in strings} <= {frozenset(fields(text)) for text in ids}, one.id


class Texts(HTMLParser):
    """What stands in a template for people to read, with code taken out."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._hidden += tag in ("script", "style")
        self.found += [value for name, value in attrs if name in SEEN and value]

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in ("script", "style")

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.found.append(data)


def literals(source: str) -> list[str]:
    """Words of a template that no translation reaches."""
    data = ""
    source = re.sub(r"{% block (page|body_class|main_class) %}[^{]*{% endblock %}", "", source)
    for _line, kind, text in Environment(extensions=["jinja2.ext.i18n"]).lex(source):
        if kind == "data":
            data += text
        elif kind.endswith("_begin"):
            tag = data[data.rfind("<") :]
            data += " " if ">" not in tag and tag.count('"') % 2 == 0 and "<" in tag else CODE
    parser = Texts()
    parser.feed(data)
    parser.close()
    words = [part.strip(" \n·:,.%()“”—+×#-…›") for text in parser.found for part in text.split(CODE)]
    return [word for word in words if re.search(r"[^\W\d_]", word) and word not in UNTRANSLATABLE]


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.relative_to(WEB / "templates").as_posix())
def test_templates_hold_no_untranslated_text(template: Path) -> None:
    assert literals(template.read_text()) == []


def test_untranslated_text_would_be_found() -> None:
    assert literals('<p {% if a %}class="b"{% endif %}>Hello {{ name }}</p>') == ["Hello"]
    assert literals('<a title="Open {{ name }}" href="/x">{{ _("Open") }}</a>') == ["Open"]
    assert literals("<b>待办</b>") == ["待办"]


def test_scripts_say_only_words_that_the_server_gives_them() -> None:
    given = set(re.findall(r'^\s*"(\w+)": _\(', (WEB / "pages/registration.py").read_text(), re.M))
    said: set[str] = set()
    for script in (WEB / "static/app").glob("*.js"):
        text = script.read_text()
        said |= set(re.findall(r'word\("(\w+)"', text))
        said |= {name for names in re.findall(r'word\([^()"]*\? "(\w+)" : "(\w+)"\)', text) for name in names}
        said |= set(re.findall(r'word\([^()]*=== "\w+" \? "(\w+)"', text))
    assert said, "the words are found at all"
    assert said - given == set()
