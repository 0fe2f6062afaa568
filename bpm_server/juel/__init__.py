"""Placeholder until the JUEL subset lands."""

from bpm_server import feel as _feel

Expression = _feel.Expression


def compile(text):
    import re

    m = re.fullmatch(r"[$#]\{(.*)\}", text.strip(), re.S)
    return _feel.compile(m[1] if m else text)
