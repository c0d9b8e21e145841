"""Linker gives PoCL a linker on machines without a C compiler.

PoCL links each kernel by the system's `ld` with the libraries of the C compiler, and aborts the process if they are
missing. The LLVM linker in the wheel `ziglang` (requirements-linker.txt) replaces them. It links without the libraries:
the functions that a kernel calls are already loaded in the process.
"""

import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from kernels.errors import LinkerNotFound

_LIBRARIES = (
    ("lib/gcc/*/*/libgcc.a", "lib64/gcc/*/*/libgcc.a"),
    ("lib/*/libc.so", "lib64/libc.so", "lib/libc.so"),
)
_SCRIPT = """#!/bin/sh
for word do
  shift
  case $word in -l*) ;; *) set -- "$@" "$word" ;; esac
done
exec "{zig}" ld.lld "$@"
"""


def system_links(path: str | None = None, prefixes: Sequence[Path] = (Path("/usr"), Path("/usr/local"))) -> bool:
    """Return whether the system has `ld` on `path` (None: this process's PATH), libgcc and libc, as PoCL needs them."""
    if sys.platform != "linux":
        return True

    def found(patterns: Sequence[str]) -> bool:
        return any(next(prefix.glob(pattern), None) for prefix in prefixes for pattern in patterns)

    return shutil.which("ld", path=path) is not None and all(map(found, _LIBRARIES))


class Linker:
    """Provides a linker for as long as this object lives: the system's, else the wheel's, put first on PATH.

    Raises LinkerNotFound if neither exists.
    """

    def __init__(self) -> None:
        if system_links():
            return
        spec = find_spec("ziglang")
        if spec is None or spec.origin is None:
            raise LinkerNotFound(
                "OpenCL on this CPU needs a linker: install gcc, or run `pip install ziglang` (requirements-linker.txt)"
            )
        self._folder = tempfile.TemporaryDirectory(prefix="afmbatch-linker-")
        script = Path(self._folder.name) / "ld"
        script.write_text(_SCRIPT.format(zig=Path(spec.origin).with_name("zig")))
        script.chmod(0o700)
        os.environ["PATH"] = f"{self._folder.name}{os.pathsep}{os.environ.get('PATH', '')}"
