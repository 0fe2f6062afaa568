"""A case as PDF on A4.

Chinese text is set in STSong-Light, a font that every PDF reader of the market brings or replaces, so that no font of
megabytes is shipped; an installation may name a TrueType file (``print_font``), whose used characters go into the PDF.
"""

from __future__ import annotations

import functools
import io
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

from PIL import Image as PictureFile
from reportlab.lib import colors
from reportlab.lib.enums import TA_RIGHT
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfbase.ttfonts import TTFError, TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Image as Picture
from reportlab.platypus import Paragraph, SimpleDocTemplate, Spacer
from reportlab.platypus import Table as Grid

from bpm_server.kernel.errors import InvalidInput
from bpm_server.web.pages import formats
from bpm_server.web.pages.form_values import Entry, Table
from bpm_server.web.pages.texts import gettext as _

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from bpm_server.web.pages.printing import Sheet

WITHOUT_FILE = "STSong-Light"
MARGIN = 18 * mm
WIDTH = A4[0] - 2 * MARGIN
LINE = colors.HexColor("#c8ced6")
QUIET = colors.HexColor("#55606e")
SHADE = colors.HexColor("#f3f5f8")
MOST_CHARACTERS = 4_000
"""Of one cell: a longer one would be higher than a page."""
LAST = 0xFFFF
MOST_PIXELS = 4_000_000
SIGNATURE = (60 * mm, 20 * mm)
NUMBER = 12 * mm
"""Width of the column with the numbers of rows."""
ACTS = (0.25, 0.15, 0.3, 0.3)


def pdf(sheet: Sheet, font_file: str, language: str, signature: Callable[[str], bytes | None]) -> bytes:
    """The sheet as PDF.

    Args:
        sheet: What stands on it, in the reader's language.
        font_file: A TrueType file; empty: a font of the reader's.
        language: Tag of the reader's language.
        signature: Gives the picture of a signature by its document id.

    Raises:
        InvalidInput: the font file is none.
    """
    styles = _Styles(_font(font_file), signature)
    buffer = io.BytesIO()
    title = f"{sheet.title} {sheet.number}"
    document = SimpleDocTemplate(
        buffer, pagesize=A4, leftMargin=MARGIN, rightMargin=MARGIN, topMargin=MARGIN, bottomMargin=MARGIN,
        title=title, author="bpm-server", lang=language,
    )  # fmt: skip

    def canvas(*args: Any, **kwargs: Any) -> _Numbered:
        return _Numbered(*args, foot=(styles.font, title, sheet.made), **kwargs)

    document.build(list(_story(sheet, styles)), canvasmaker=canvas)
    return buffer.getvalue()


@functools.cache
def _font(file: str) -> str:
    """The name of the font, registered once.

    Raises:
        InvalidInput: the file is no TrueType font, or cannot be read.
    """
    try:
        font = TTFont("print", file) if file else UnicodeCIDFont(WITHOUT_FILE)
    except (OSError, TTFError) as error:
        message = f"Expected BPM_PRINT_FONT to be a TrueType file, but found '{file}': {error}"
        raise InvalidInput(message) from error
    pdfmetrics.registerFont(font)
    return str(font.fontName)


class _Styles:
    def __init__(self, font: str, signature: Callable[[str], bytes | None]) -> None:
        self.font = font
        self.signature = signature
        self.title = self._style("title", 16, 22)
        self.head = self._style("head", 11, 16, spaceBefore=10, spaceAfter=4)
        self.text = self._style("text", 9, 13)
        self.label = self._style("label", 9, 13, textColor=QUIET)
        self.list = self._style("list", 9, 13, textColor=QUIET, spaceBefore=6, spaceAfter=2)
        self.number = self._style("number", 9, 13, alignment=TA_RIGHT)
        self.number_label = self._style("number-label", 9, 13, textColor=QUIET, alignment=TA_RIGHT)

    def of_cell(self, *, is_head: bool, is_numeric: bool) -> ParagraphStyle:
        """The style of a cell in a grid."""
        if is_numeric:
            return self.number_label if is_head else self.number
        return self.label if is_head else self.text

    def _style(self, name: str, size: float, leading: float, **more: Any) -> ParagraphStyle:
        return ParagraphStyle(name, fontName=self.font, fontSize=size, leading=leading, wordWrap="CJK", **more)


class _Numbered(Canvas):  # type: ignore[misc]
    """Writes the foot when it is known how many pages there are."""

    def __init__(self, *args: Any, foot: tuple[str, str, str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._foot = foot
        self._pages: list[dict[str, Any]] = []

    def showPage(self) -> None:  # noqa: N802 - reportlab's name
        self._pages.append(dict(self.__dict__))
        self._startPage()

    def save(self) -> None:
        font, title, made = self._foot
        for number, page in enumerate(self._pages, 1):
            self.__dict__.update(page)
            self.setFont(font, 7.5)
            self.setFillColor(QUIET)
            self.drawString(MARGIN, 9 * mm, _plain(f"{title} · {made}")[:110])
            counted = _("Page %(number)s of %(total)s", number=number, total=len(self._pages))
            self.drawRightString(A4[0] - MARGIN, 9 * mm, counted)
            super().showPage()
        super().save()


def _story(sheet: Sheet, styles: _Styles) -> Iterator[Any]:
    yield _text(f"{sheet.title}  {sheet.number}", styles.title)
    yield Spacer(1, 4)
    yield from _pairs(sheet.facts, styles)
    for part in sheet.parts:
        yield _text(part.title, styles.head)
        for table, values in _grouped(part.values):
            yield from _table(table, styles) if table is not None else _pairs(values, styles)
    if sheet.acts:
        yield _text(_("Course"), styles.head)
        head = (_("Time"), _("Who"), _("What"), _("Comment"))
        rows = [(formats.full_moment(act.at), act.who, f"{act.what} {act.decision}", act.comment) for act in sheet.acts]
        yield _grid([head, *rows], [WIDTH * part for part in ACTS], styles)
    if sheet.is_cut:
        yield _text(_("Only the first steps are shown: this case has very many."), styles.label)
    if sheet.files:
        yield _text(_("Attachments"), styles.head)
        for file in sheet.files:
            yield _text(file, styles.text)


def _grouped(values: Iterable[Entry | Table]) -> Iterator[tuple[Table | None, list[Entry]]]:
    """Entries between tables together."""
    entries: list[Entry] = []
    for value in values:
        if isinstance(value, Entry):
            entries.append(value)
            continue
        if entries:
            yield None, entries
        entries = []
        yield value, []
    if entries:
        yield None, entries


def _pairs(entries: Sequence[Entry], styles: _Styles) -> Iterator[Any]:
    rows = [[_text(entry.label, styles.label), _value(entry, styles)] for entry in entries]
    if rows:
        yield _framed(rows, [WIDTH * 0.24, WIDTH * 0.76], [("BACKGROUND", (0, 0), (0, -1), SHADE)])


def _value(entry: Entry, styles: _Styles) -> Any:
    drawn = styles.signature(entry.signature) if entry.signature else None
    return (drawn and _picture(drawn)) or _text(entry.text, styles.text)


def _picture(content: bytes) -> Any:
    """A signature on white; None for what is no picture, or has more pixels than a screen."""
    try:
        with PictureFile.open(io.BytesIO(content), formats=("PNG",)) as opened:
            if opened.width * opened.height > MOST_PIXELS:
                return None
            drawn = opened.convert("RGBA")
    except (OSError, ValueError, SyntaxError, PictureFile.DecompressionBombError):
        return None
    paper = PictureFile.new("RGB", drawn.size, "white")
    paper.paste(drawn, mask=drawn)
    flat = io.BytesIO()
    paper.save(flat, "PNG")
    scale = min(SIGNATURE[0] / paper.width, SIGNATURE[1] / paper.height)
    return Picture(flat, width=paper.width * scale, height=paper.height * scale, hAlign="LEFT")


def _table(table: Table, styles: _Styles) -> Iterator[Any]:
    yield _text(table.label, styles.list)
    if table.head:
        rows = [table.head, *table.rows, *([table.foot] if table.foot else [])]
        yield _grid(rows, _widths(table), styles, numeric=table.numeric, has_foot=bool(table.foot))
        yield Spacer(1, 6)


def _widths(table: Table) -> list[float]:
    """All columns are as wide, but for the one with the numbers of the rows."""
    if not table.numeric:
        return [WIDTH / len(table.head)] * len(table.head)
    return [NUMBER, *[(WIDTH - NUMBER) / (len(table.head) - 1)] * (len(table.head) - 1)]


def _grid(
    rows: Sequence[Sequence[str]],
    widths: list[float],
    styles: _Styles,
    *,
    numeric: frozenset[int] = frozenset(),
    has_foot: bool = False,
) -> Any:
    shades = [("BACKGROUND", (0, 0), (-1, 0), SHADE)]
    if has_foot:
        shades.append(("BACKGROUND", (0, len(rows) - 1), (-1, len(rows) - 1), SHADE))
    cells = [
        [_text(cell, styles.of_cell(is_head=not number, is_numeric=place in numeric)) for place, cell in enumerate(row)]
        for number, row in enumerate(rows)
    ]
    return _framed(cells, widths, shades, repeatRows=1)


def _framed(rows: list[list[Any]], widths: list[float], more: list[Any], **options: Any) -> Any:
    style = [("GRID", (0, 0), (-1, -1), 0.5, LINE), ("VALIGN", (0, 0), (-1, -1), "TOP"), *more]
    return Grid(rows, colWidths=widths, style=style, splitInRow=1, **options)


def _text(text: str, style: ParagraphStyle) -> Any:
    plain = _plain(text)
    cut = plain if len(plain) <= MOST_CHARACTERS else plain[: MOST_CHARACTERS - 1] + "…"
    return Paragraph(escape(cut).replace("\n", "<br/>"), style)


def _plain(text: str) -> str:
    """Without what no line of a font shows; characters beyond the basic plane have no place in these fonts."""
    return "".join(_drawn(char) for char in text.replace("\r\n", "\n"))


def _drawn(char: str) -> str:
    if ord(char) > LAST:
        return "\u25a1"
    return char if char == "\n" or char.isprintable() else " "
