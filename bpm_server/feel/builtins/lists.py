"""List functions and sorting (DMN 1.5, Tables 75 and 80)."""

from __future__ import annotations

from decimal import Decimal
from functools import cmp_to_key
from typing import TYPE_CHECKING

from bpm_server.feel import calls, operations
from bpm_server.feel.builtins.registry import Library
from bpm_server.feel.errors import Place, Refused
from bpm_server.feel.numbers import DECIMAL128, FeelNumber, shortened
from bpm_server.feel.temporal.values import Date, DaysDuration, MonthsDuration
from bpm_server.feel.values import FeelFunction, Value, described

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from bpm_server.feel.evaluation import Run

LIBRARY = Library()


def _add_for_list_or_items(name: str, item: str, result: str) -> Callable[[Callable[..., Value]], Callable[..., Value]]:
    """For functions that take a list, or its items one by one."""

    def register(implementation: Callable[..., Value]) -> Callable[..., Value]:
        LIBRARY.add(name, f"list: list -> {result}")(implementation)
        LIBRARY.add(name, f"{item}...: any -> {result}")(implementation)
        return implementation

    return register


def _numbers(values: list[Value]) -> list[FeelNumber]:
    for value in values:
        if type(value) is not int and type(value) is not Decimal:
            message = f"Expected a list of numbers, but found {described(value)} in it"
            raise Refused(message, "type")
    return values


def _sum(values: list[FeelNumber]) -> FeelNumber:
    if all(type(value) is int for value in values):
        return shortened(sum(values))  # type: ignore[arg-type]
    total: FeelNumber = 0
    for value in values:
        total = DECIMAL128.add(total, value)
    return total


# ---------------------------------------------------------------------- looking at lists


@LIBRARY.add("list contains", "list: list, element: any -> boolean", needs_run=True)
def list_contains(run: Run, _place: Place, values: list[Value], element: Value) -> bool:
    """Whether an item is equal to the element."""
    return any(operations.same(run, value, element) for value in values)


@LIBRARY.add("count", "list: list -> number", at_once=True)
def count(values: list[Value]) -> int:
    """Number of items."""
    return len(values)


def _extreme(values: list[Value], *, greatest: bool) -> Value:
    if not values:
        return None
    best = values[0]
    for value in values[1:]:
        if not operations.orderable(best, value):
            message = f"Expected items that have an order, but found {described(best)} and {described(value)}"
            raise Refused(message, "type")
        first, second = (best, value) if greatest else (value, best)
        if operations.precedes(first, second):
            best = value
    if not operations.orderable(best, best):
        message = f"Expected items that have an order, but found {described(best)}"
        raise Refused(message, "type")
    return best


@_add_for_list_or_items("min", "c", "any")
def minimum(values: list[Value]) -> Value:
    """The smallest item; null of none."""
    return _extreme(values, greatest=False)


@_add_for_list_or_items("max", "c", "any")
def maximum(values: list[Value]) -> Value:
    """The greatest item; null of none."""
    return _extreme(values, greatest=True)


@_add_for_list_or_items("sum", "n", "number")
def total(values: list[Value]) -> FeelNumber | None:
    """Null of none."""
    return _sum(_numbers(values)) if values else None


@_add_for_list_or_items("product", "n", "number")
def product(values: list[Value]) -> FeelNumber | None:
    """Null of none."""
    if not values:
        return None
    result: FeelNumber = 1
    for value in _numbers(values):
        result = DECIMAL128.multiply(result, value)
    return result


@_add_for_list_or_items("mean", "n", "number")
def mean(values: list[Value]) -> FeelNumber | None:
    """The arithmetic mean; null of none."""
    return DECIMAL128.divide(_sum(_numbers(values)), len(values)) if values else None


@_add_for_list_or_items("median", "n", "number")
def median(values: list[Value]) -> FeelNumber | None:
    """The middle item, or the mean of the two in the middle; null of none."""
    if not values:
        return None
    ordered = sorted(_numbers(values))
    middle = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[middle]
    return DECIMAL128.divide(DECIMAL128.add(ordered[middle - 1], ordered[middle]), 2)


@_add_for_list_or_items("stddev", "n", "number")
def standard_deviation(values: list[Value]) -> FeelNumber | None:
    """Of a sample; null of fewer than two."""
    numbers = _numbers(values)
    if len(numbers) < 2:
        message = f"Expected at least two numbers, but found {len(numbers)}"
        raise Refused(message)
    average = DECIMAL128.divide(_sum(numbers), len(numbers))
    squares = []
    for number in numbers:
        distance = DECIMAL128.subtract(number, average)
        squares.append(DECIMAL128.multiply(distance, distance))
    return DECIMAL128.sqrt(DECIMAL128.divide(_sum(squares), len(numbers) - 1))  # type: ignore[arg-type]


@_add_for_list_or_items("mode", "n", "list<number>")
def mode(values: list[Value]) -> list[FeelNumber]:
    """The most frequent items, in ascending order."""
    frequency: dict[FeelNumber, int] = {}
    for number in _numbers(values):
        frequency[number] = frequency.get(number, 0) + 1
    most = max(frequency.values(), default=0)
    return sorted(number for number, times in frequency.items() if times == most)


@_add_for_list_or_items("all", "b", "boolean")
def all_true(values: list[Value]) -> bool | None:
    """False if an item is false, else null if one is null, else true."""
    return _combined(values, decisive=False)


@_add_for_list_or_items("any", "b", "boolean")
def any_true(values: list[Value]) -> bool | None:
    """True if an item is true, else null if one is null, else false."""
    return _combined(values, decisive=True)


def _combined(values: list[Value], *, decisive: bool) -> bool | None:
    for value in values:
        if value is not None and type(value) is not bool:
            message = f"Expected a list of booleans, but found {described(value)} in it"
            raise Refused(message, "type")
    if decisive in values:
        return decisive
    return None if None in values else not decisive


@LIBRARY.add("index of", "list: list, match: any -> list<number>", needs_run=True)
def index_of(run: Run, _place: Place, values: list[Value], match: Value) -> list[int]:
    """Places of the items that are equal to the match."""
    return [place for place, value in enumerate(values, 1) if operations.same(run, value, match)]


# ---------------------------------------------------------------------- parts and sums of lists


def place_in(values: list[Value], position: FeelNumber) -> int:
    """The index from 0 of a position from 1 or from the end; a fraction is cut off.

    Raises:
        Refused: there is no such place.
    """
    number = int(position)
    if number == 0 or abs(number) > len(values):
        message = f"Expected a position from 1 to {len(values)} or its negative, but found {position}"
        raise Refused(message, "index")
    return number - 1 if number > 0 else len(values) + number


@LIBRARY.add("sublist", "list: list, start position: number, length?: number -> list")
def sublist(values: list[Value], start: FeelNumber, length: FeelNumber | None = None) -> list[Value]:
    """From a position on, so many items or all."""
    first = place_in(values, start)
    if length is None:
        return values[first:]
    if not 1 <= length <= len(values) - first:
        message = f"Expected a length from 1 to {len(values) - first}, but found {length}"
        raise Refused(message)
    return values[first : first + int(length)]


@LIBRARY.add("append", "list: list, item~items...: any -> list")
def append(values: list[Value], items: list[Value]) -> list[Value]:
    """The list with the items at its end."""
    return [*values, *items]


@LIBRARY.add("concatenate", "list~lists...: list -> list", needs_run=True)
def concatenate(run: Run, place: Place, lists: list[list[Value]]) -> list[Value]:
    """The items of all lists."""
    size = sum(map(len, lists))
    run.check_size(place, size)
    run.charge(place, size)
    return [item for values in lists for item in values]


@LIBRARY.add("insert before", "list: list, position: number, newItem: any -> list")
def insert_before(values: list[Value], position: FeelNumber, item: Value) -> list[Value]:
    """The list with the item before a position."""
    index = place_in(values, position)
    return [*values[:index], item, *values[index:]]


@LIBRARY.add("remove", "list: list, position: number -> list")
def remove(values: list[Value], position: FeelNumber) -> list[Value]:
    """The list without the item at a position."""
    index = place_in(values, position)
    return values[:index] + values[index + 1 :]


@LIBRARY.add("reverse", "list: list -> list")
def reverse(values: list[Value]) -> list[Value]:
    """The last item first."""
    return values[::-1]


@LIBRARY.add("list replace", "list: list, position: number, newItem: any -> list")
def list_replace(values: list[Value], position: FeelNumber, item: Value) -> list[Value]:
    """The list with another item at a position."""
    index = place_in(values, position)
    return [*values[:index], item, *values[index + 1 :]]


@LIBRARY.add("list replace", "list: list, match: function, newItem: any -> list", needs_run=True)
def list_replace_matching(run: Run, place: Place, values: list[Value], match: FeelFunction, item: Value) -> list[Value]:
    """The list with another item wherever ``match(item, newItem)`` is true."""
    run.charge(place, len(values))
    replaced = []
    for value in values:
        matched = calls.call(run, place, match, [value, item])
        if type(matched) is not bool:
            message = f"Expected a match function that is true or false, but found {described(matched)}"
            raise Refused(message, "type")
        replaced.append(item if matched else value)
    return replaced


# ---------------------------------------------------------------------- sets


def _hash_key(value: Value) -> Hashable:
    """What a value has in common with all that are equal to it and with no other; None where nothing is that."""
    kind = type(value)
    if kind is int or kind is Decimal:
        return ("number", value)
    if kind is str or kind is bool or kind is MonthsDuration or kind is DaysDuration or kind is Date:
        return (kind, value)
    if kind is list:
        keys = tuple(map(_hash_key, value))
        return None if None in keys else ("list", keys)
    if kind is dict:
        keys = tuple(map(_hash_key, value.values()))
        return None if None in keys else ("context", frozenset(zip(value, keys, strict=True)))
    return ("null",) if value is None else None


def groups(run: Run, place: Place, values: list[Value]) -> list[list[Value]]:
    """The values in groups of equal ones, in the order in which the first of each stands."""
    found: list[list[Value]] = []
    by_key: dict[Hashable, list[Value]] = {}
    others: list[list[Value]] = []
    for value in values:
        key = _hash_key(value)
        if key is not None:
            group = by_key.get(key)
        else:
            run.charge(place, 4 * len(others))
            group = next((each for each in others if operations.same(run, value, each[0])), None)
        if group is not None:
            group.append(value)
            continue
        group = [value]
        found.append(group)
        if key is None:
            others.append(group)
        else:
            by_key[key] = group
    return found


def distinct(run: Run, place: Place, values: list[Value]) -> list[Value]:
    """Each value once, where it stands first."""
    return [group[0] for group in groups(run, place, values)]


@LIBRARY.add("union", "list~lists...: list -> list", needs_run=True)
def union(run: Run, place: Place, lists: list[list[Value]]) -> list[Value]:
    """The items of all lists, each once."""
    return distinct(run, place, concatenate(run, place, lists))


@LIBRARY.add("distinct values", "list: list -> list", needs_run=True)
def distinct_values(run: Run, place: Place, values: list[Value]) -> list[Value]:
    """Each item once."""
    return distinct(run, place, values)


@LIBRARY.add("flatten", "list: list -> list", needs_run=True)
def flatten(run: Run, place: Place, values: list[Value]) -> list[Value]:
    """All items of lists within lists."""
    flat: list[Value] = []
    waiting = [iter(values)]
    while waiting:
        for value in waiting[-1]:
            if isinstance(value, list):
                run.charge(place, len(value))
                waiting.append(iter(value))
                break
            flat.append(value)
        else:
            waiting.pop()
    run.check_size(place, len(flat))
    return flat


@LIBRARY.add("sort", "list: list, precedes: function -> list", needs_run=True)
def sort(run: Run, place: Place, values: list[Value], precedes: FeelFunction) -> list[Value]:
    """By an ordering function; items that neither precede each other keep their order."""

    def compare(left: Value, right: Value) -> int:
        for first, second, result in ((left, right, -1), (right, left, 1)):
            answer = calls.call(run, place, precedes, [first, second])
            if answer is True:
                return result
            if answer is not False:
                message = f"Expected an ordering function that is true or false, but found {described(answer)}"
                raise Refused(message, "type")
        return 0

    return sorted(values, key=cmp_to_key(compare))


@LIBRARY.add("sort", "list: list -> list")
def sort_naturally(values: list[Value]) -> list[Value]:
    """In ascending order."""
    for value in values:
        if not operations.orderable(values[0], value):
            message = f"Expected items that have an order, but found {described(values[0])} and {described(value)}"
            raise Refused(message, "type")
    return sorted(values, key=cmp_to_key(lambda a, b: operations.precedes(b, a) - operations.precedes(a, b)))
