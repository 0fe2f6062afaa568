"""There is one tenant. Clients name it unasked; another one is refused."""

from __future__ import annotations

from typing import Any

from bpm_server.kernel.errors import InvalidInput
from bpm_server.web.api.fields import Fixed, Value, shown

DEFAULT = "<default>"


class Tenant(Value):
    """The tenant in a request: absent, empty or the only one."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(null=True, **kwargs)

    def read(self, value: Any) -> str:
        if value in ("", DEFAULT):
            return DEFAULT
        message = f"Expected the tenant '{DEFAULT}', as there is no other, but found {shown(value)}"
        raise InvalidInput(message)


class TheTenant(Fixed):
    """The tenant in a reply."""

    def __init__(self) -> None:
        super().__init__(DEFAULT)
