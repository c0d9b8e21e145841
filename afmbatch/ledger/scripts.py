"""Reads Lua scripts by name. Each is a file in `scripts/`; its first line of code names its keys."""

import re
from functools import cache
from importlib.resources import files

_INCLUDE = re.compile(r"^-- include (\S+)$", re.MULTILINE)


@cache
def script(name: str) -> str:
    """Return the text of a script, with its includes in place."""
    return _INCLUDE.sub(lambda found: _read(found[1]), _read(f"{name}.lua"))


def _read(file: str) -> str:
    return (files(__package__) / "scripts" / file).read_text(encoding="utf-8")
