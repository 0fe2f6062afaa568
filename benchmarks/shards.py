"""10,000 instances a second on several databases, simulated: docs/scaling.md says what it is for.

Nothing runs here but arithmetic: each shard is a PostgreSQL with some cores that serves commands one after another on
each, and one log that is synced for all that wait for it at that moment (group commit). What a command costs there is
measured (``COMMAND_MS``, ``SYNC_MS``: docs/scaling.md says where from); arrivals, keys and tenants are drawn.
"""

from __future__ import annotations

import bisect
import heapq
import itertools
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

COMMAND_MS = 0.87
"""Processor time of PostgreSQL for one command of an instance with the reads around it, milliseconds, on average."""
SYNC_MS = 0.6
COMMANDS = 3
"""Commands of an instance: start, and two tasks."""
CORES = 16
INSTANCES_PER_S = 10_000
SECONDS, WARM_S = 5.0, 1.5
TENANTS = 1_000
NODES = 1_024
SEED = 7


@dataclass
class Shard:
    """One database. ``free``: when each of its cores is free; ``synced``: when its log is next."""

    free: list[float] = field(default_factory=lambda: [0.0] * CORES)
    synced: float = 0.0

    def serve(self, at: float, cost: float) -> float:
        """When a command that arrives ``at`` is durable, in milliseconds."""
        begun = max(at, self.free[0])
        done = begun + cost
        heapq.heapreplace(self.free, done)
        if done > self.synced:  # the sync after the one that runs takes all that wait for it
            self.synced = (self.synced if done < self.synced + SYNC_MS else done) + SYNC_MS
        return self.synced if self.synced >= done + SYNC_MS else self.synced + SYNC_MS


@dataclass(frozen=True)
class Result:
    """What was asked of the shards' cores, of the busiest one's and on average, and milliseconds of a command."""

    busiest: float
    average: float
    p50_ms: float
    p99_ms: float

    def __str__(self) -> str:
        return (
            f"cores asked for {self.average:.0%} on average, {self.busiest:.0%} on the busiest; "
            f"command p50 {self.p50_ms:.1f} ms, p99 {self.p99_ms:,.1f} ms"
        )


def by_instance(count: int, draw: random.Random) -> Callable[[], int]:
    """An instance belongs to the shard whose node made its key: nodes are dealt out evenly."""
    return lambda: draw.randrange(NODES) * count // NODES


def by_tenant(count: int, draw: random.Random) -> Callable[[], int]:
    """All instances of a tenant on one shard; tenants differ in size (Zipf: the n-th has 1/n of the first)."""
    weights = list(itertools.accumulate(1 / rank for rank in range(1, TENANTS + 1)))
    places = [draw.randrange(count) for _ in range(TENANTS)]
    return lambda: places[bisect.bisect_left(weights, draw.random() * weights[-1])]


def simulate(count: int, chosen: Callable[[int, random.Random], Callable[[], int]]) -> Result:
    """So many shards, for some seconds, with instances spread over them in the chosen way."""
    draw = random.Random(SEED)
    shards = [Shard() for _ in range(count)]
    place = chosen(count, draw)
    arrivals: list[tuple[float, int]] = []
    at = 0.0
    while at < SECONDS * 1_000:
        at += draw.expovariate(INSTANCES_PER_S / 1_000)
        shard = place()
        # People answer whenever they do: within half a second stands for it.
        arrivals.extend((at + number * 500 * draw.random(), shard) for number in range(COMMANDS))
    arrivals.sort()
    times = []
    asked = [0.0] * count
    for when, shard in arrivals:
        cost = draw.gammavariate(4, COMMAND_MS / 4)
        done = shards[shard].serve(when, cost)
        if WARM_S * 1_000 <= when < SECONDS * 1_000:
            asked[shard] += cost
            times.append(done - when)
    times.sort()
    shares = [cost / ((SECONDS - WARM_S) * 1_000 * CORES) for cost in asked]
    return Result(
        max(shares), sum(shares) / count, times[len(times) // 2], times[int(len(times) * 0.99)],
    )  # fmt: skip


def run() -> Iterator[tuple[str, str]]:
    """Rows of the report."""
    for count in (1, 2, 3, 4):
        yield (
            f"{INSTANCES_PER_S:,} instances/s on {count} x {CORES} cores, by instance",
            str(simulate(count, by_instance)),
        )
    for count in (3, 4, 8):
        yield f"{INSTANCES_PER_S:,} instances/s on {count} x {CORES} cores, by tenant", str(simulate(count, by_tenant))
