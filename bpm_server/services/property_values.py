"""What extension properties of elements say in FEEL, with the cluster's variables behind those of the element."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bpm_server.domain import property_values

if TYPE_CHECKING:
    from bpm_server import feel
    from bpm_server.domain.property_values import Values
    from bpm_server.services.transaction import Transaction


def evaluate(tx: Transaction, text: str, values: Values) -> feel.Evaluation:
    """See :func:`bpm_server.domain.property_values.evaluate`."""
    return property_values.evaluate(text, lambda names: {**tx.outer_variables, **values(names)}, tx.now)
