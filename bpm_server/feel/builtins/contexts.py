"""Context functions (DMN 1.5, Table 81)."""

from __future__ import annotations

from bpm_server.feel.builtins.registry import Library
from bpm_server.feel.errors import Refused
from bpm_server.feel.values import Value, described

LIBRARY = Library()

Context = dict[str, Value]


@LIBRARY.add("get value", "m~context: context, key: string -> any", at_once=True)
def get_value(context: Context, key: str) -> Value:
    """The entry of a key; null where there is none."""
    if key not in context:
        message = f"Expected an entry '{key}', but found none of that name"
        raise Refused(message, "no-entry")
    return context[key]


@LIBRARY.add("get entries", "m~context: context -> list<context>")
def get_entries(context: Context) -> list[Context]:
    """A context with ``key`` and ``value`` for each entry."""
    return [{"key": key, "value": value} for key, value in context.items()]


@LIBRARY.add("context", "entries: list -> context")
def context_of(entries: list[Value]) -> Context:
    """The reverse of ``get entries``."""
    context: Context = {}
    for entry in entries:
        if not isinstance(entry, dict) or not isinstance(entry.get("key"), str) or "value" not in entry:
            message = f"Expected contexts with a key and a value, but found {described(entry)}"
            raise Refused(message)
        if entry["key"] in context:
            message = f"Expected keys that differ, but found '{entry['key']}' twice"
            raise Refused(message)
        context[entry["key"]] = entry["value"]
    return context


@LIBRARY.add("context put", "context: context, key: string, value: any -> context")
def context_put(context: Context, key: str, value: Value) -> Context:
    """The context with an entry set."""
    return {**context, key: value}


@LIBRARY.add("context put", "context: context, keys: list<string>, value: any -> context")
def context_put_nested(context: Context, keys: list[str], value: Value) -> Context:
    """The context with an entry of its entries set."""
    return put_nested(context, keys, value, create=False)


def put_nested(context: Context, keys: list[str], value: Value, *, create: bool) -> Context:
    """Sets an entry along a path of keys.

    Args:
        context: Where to begin; it is not changed.
        keys: At least one.
        value: The new value.
        create: What is on the path and is not a context becomes one.

    Raises:
        Refused: no keys, a key is null, or the path leads through something that is not a context.
    """
    if not keys or any(key is None for key in keys):
        message = "Expected at least one key, and none of them null"
        raise Refused(message)
    result = dict(context)
    inner = result
    for key in keys[:-1]:
        below = inner.get(key)
        if not isinstance(below, dict) and not create:
            message = f"Expected a context at '{key}', but found {described(below)}"
            raise Refused(message, "no-entry")
        inner[key] = dict(below) if isinstance(below, dict) else {}
        inner = inner[key]
    inner[keys[-1]] = value
    return result


@LIBRARY.add("context merge", "contexts: list -> context")
def context_merge(contexts: list[Value]) -> Context:
    """All entries; of those with the same key the last."""
    merged: Context = {}
    for context in contexts:
        if not isinstance(context, dict):
            message = f"Expected a list of contexts, but found {described(context)} in it"
            raise Refused(message, "type")
        merged.update(context)
    return merged
