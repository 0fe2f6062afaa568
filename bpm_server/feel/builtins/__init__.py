"""The built-in functions of both dialects, by name."""

from __future__ import annotations

from typing import Final

from bpm_server.feel.builtins import (
    camunda,
    contexts,
    conversion,
    lists,
    logic,
    moments,
    numeric,
    relations,
    strings,
)
from bpm_server.feel.builtins.registry import Library
from bpm_server.feel.names import NameTable

_DMN: Final = Library(
    conversion.LIBRARY,
    logic.LIBRARY,
    strings.LIBRARY,
    lists.LIBRARY,
    numeric.LIBRARY,
    relations.LIBRARY,
    moments.LIBRARY,
    contexts.LIBRARY,
)

LIBRARIES: Final = {"dmn": _DMN.functions(), "camunda8": camunda.library(_DMN).functions_with_other_names()}
"""Built-ins by dialect and name."""

SPACED_NAMES: Final = {dialect: NameTable(functions) for dialect, functions in LIBRARIES.items()}
"""Their names of several words, for the parser."""
