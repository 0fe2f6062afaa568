"""People who press at the same moment."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

from bpm_server.kernel.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable


def at_once(count: int, act: Callable[[int], Any]) -> list[Any]:
    """Runs ``act`` in so many threads that start together; results or exceptions, by thread."""
    gate = threading.Barrier(count)
    results: list[Any] = [None] * count

    def run(number: int) -> None:
        gate.wait()
        try:
            results[number] = act(number)
        except Exception as error:  # noqa: BLE001 - the test looks at what each thread got
            results[number] = error

    threads = [threading.Thread(target=run, args=(n,)) for n in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def patiently(act: Callable[[int], Any]) -> Callable[[int], Any]:
    """As clients do: tries again when the server was too busy (503), after as long as it said.

    A crowd on a slow machine meets that; what was refused must not have counted, else the trial shows it.
    """

    def insist(number: int) -> Any:
        for _ in range(30):
            try:
                return act(number)
            except Unavailable as error:
                time.sleep(error.details.get("retry_after", 1))
        return act(number)

    return insist
