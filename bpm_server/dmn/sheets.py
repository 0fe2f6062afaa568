"""How a decision table lies on a sheet.

The first rows are about the table, the next about its columns, and then there is one row per rule::

    Decision    Dish          id: dish
    Hit policy  UNIQUE        Aggregation
    Column      Input         Input          Output     Annotation   Description   Rule id
    Label       Season        Guests         Dish       Why
    Expression  season        guestCount     dish
    Type        string        number         string
    Allowed     "Winter",...
    Default                                  "Soup"
    Variable                  guests
    Language
    Id          input1        input2         output1
    1           "Winter"      <= 8           "Roast"    cold
    2           ...

Cells hold FEEL as text: ``"Winter"``, ``[5..8]``. A number, a truth value or a date typed into Excel is read as
such a literal. The columns and rows for ids are hidden; new rules and columns get new ids.
"""

from __future__ import annotations

from typing import Final, Literal

ColumnKind = Literal["Input", "Output", "Annotation", "Description", "Rule id"]

DECISION: Final = "Decision"
KNOWLEDGE: Final = "Business knowledge model"
TITLE_ROW: Final = 1
POLICY_ROW: Final = 2
COLUMN_ROW: Final = 3
LABEL_ROW: Final = 4
EXPRESSION_ROW: Final = 5
TYPE_ROW: Final = 6
ALLOWED_ROW: Final = 7
DEFAULT_ROW: Final = 8
VARIABLE_ROW: Final = 9
LANGUAGE_ROW: Final = 10
ID_ROW: Final = 11
FIRST_RULE_ROW: Final = 12
HEADS: Final = {
    COLUMN_ROW: "Column",
    LABEL_ROW: "Label",
    EXPRESSION_ROW: "Expression",
    TYPE_ROW: "Type",
    ALLOWED_ROW: "Allowed",
    DEFAULT_ROW: "Default",
    VARIABLE_ROW: "Variable",
    LANGUAGE_ROW: "Language",
    ID_ROW: "Id",
}
"""What stands in the first column of the rows about columns."""
LANGUAGE_REMARK: Final = "language: "
"""Beginning of the comment of a cell in another language than its table."""

MAX_ROWS: Final = 20_000
MAX_COLUMNS: Final = 300
