"""The two dialects: DMN 1.5 as written, and FEEL as Camunda 8 reads it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

DialectName = Literal["camunda8", "dmn"]


@dataclass(frozen=True, slots=True)
class Dialect:
    """What differs between the dialects; see ``docs/reference/feel.md``.

    Attributes:
        name: What callers pass.
        spaced_names: Names of several words and symbols are put together with the help of the scope.
        loose_instance_of: ``2 * 3 instance of number`` tests the product, not the 3.
        bare_types: ``list``, ``context`` and ``function`` are types without parameters.
        whole_seconds: Times are equal if they are in the same second (the TCK's reading of 10.3.2.3.4).
        boolean_tests: A test that is true or false without looking at a value that is neither is the result.
        strict_filters: A filter condition that is neither boolean nor null makes the whole filter null.
    """

    name: DialectName
    spaced_names: bool
    loose_instance_of: bool
    bare_types: bool
    whole_seconds: bool
    boolean_tests: bool
    strict_filters: bool


DMN = Dialect(
    "dmn",
    spaced_names=True,
    loose_instance_of=False,
    bare_types=False,
    whole_seconds=True,
    boolean_tests=False,
    strict_filters=True,
)
CAMUNDA8 = Dialect(
    "camunda8",
    spaced_names=False,
    loose_instance_of=True,
    bare_types=True,
    whole_seconds=False,
    boolean_tests=True,
    strict_filters=False,
)

DIALECTS: dict[str, Dialect] = {dialect.name: dialect for dialect in (DMN, CAMUNDA8)}
