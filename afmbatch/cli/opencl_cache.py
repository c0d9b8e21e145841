"""Finds out why this machine's CPU is missing among the OpenCL devices: PoCL needs a directory that it can write."""

import os
import tempfile
from pathlib import Path

_VARIABLES = (("POCL_CACHE_DIR", ""), ("XDG_CACHE_HOME", "pocl/kcache"), ("HOME", ".cache/pocl/kcache"))


def cache_problem() -> str:
    """Return why PoCL cannot write its cache of kernels, without which it offers no device; empty if it can."""
    for variable, below in _VARIABLES:
        if value := os.environ.get(variable):
            directory = Path(value) / below
            break
    else:
        return ""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=directory):
            return ""
    except OSError as error:
        return (
            f"the OpenCL cache directory {directory}, which follows from {variable}, can't be written "
            f"({error.strerror}): let POCL_CACHE_DIR name a directory that can"
        )
