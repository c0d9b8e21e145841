"""`expand` replaces the includes of OpenCL source text by the included text.

The includes are resolved on the host, for two reasons: compilers cache programs by their source text, so that an
edited file is never served stale, and the text can include what only the host knows (kernels.device.shared).

- `#include "path"`: the file of that path beside the including file, else in the folder `kernels`.
- `#include NAME`: the file or the text that the caller chose for NAME. Force fields are chosen in this way.
- `#include <name>`: the struct or the constants that were shared under this name.

Everything is included once, at the first include of it.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

from kernels.device.shared import declaration
from kernels.errors import BuildFailed

FOLDER = Path(__file__).parents[1]
Choices: TypeAlias = Mapping[str, Path | str]  # for `#include NAME`: a file, or source text
_INCLUDE = re.compile(
    r"""^\s*\#\s*include\s+(?: "(?P<file>[^"]+)" | <(?P<shared>[^>]+)> | (?P<choice>\w+) )""", re.VERBOSE
)


def expand(text: str, choices: Choices) -> str:
    """Return source text with its includes replaced by the included text; raises BuildFailed."""
    return _Expansion(choices).expand(text, FOLDER, "text")


class _Expansion:
    """Replaces the includes of one program."""

    def __init__(self, choices: Choices) -> None:
        self._choices = choices
        self._included: set[Path | str] = set()

    def expand(self, text: str, beside: Path, name: str) -> str:
        """Expand text from a file in the folder `beside`; compilers call it `name` in their messages."""
        lines = [f'#line 1 "{name}"']
        for number, line in enumerate(text.splitlines(), start=1):
            if match := _INCLUDE.match(line):
                lines += [self._include(match, beside), f'#line {number + 1} "{name}"']
            else:
                lines.append(line)
        return "\n".join(lines) + "\n"

    def _include(self, match: "re.Match[str]", beside: Path) -> str:
        if file := match["file"]:
            for path in (beside / file, FOLDER / file):
                if path.is_file():
                    return self._file(path)
            raise BuildFailed(f'#include "{file}": neither {beside / file} nor {FOLDER / file} exists')
        if name := match["shared"]:
            return self._once(name, declaration(name))
        choice = match["choice"]
        if choice not in self._choices:
            raise BuildFailed(f"#include {choice}: no file was chosen for it")
        chosen = self._choices[choice]
        return self._file(chosen) if isinstance(chosen, Path) else self._once(choice, chosen)

    def _once(self, name: str, text: str) -> str:
        if name in self._included:
            return ""
        self._included.add(name)
        return self.expand(text, FOLDER, name)

    def _file(self, path: Path) -> str:
        path = path.resolve()
        if path in self._included:
            return ""
        self._included.add(path)
        name = path.relative_to(FOLDER) if path.is_relative_to(FOLDER) else path.name
        return self.expand(path.read_text(), path.parent, str(name))
