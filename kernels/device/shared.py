"""Structs and constants that host and device share: declared once in Python, generated as OpenCL.

A .cl file asks for them by `#include <name>`.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import pyopencl as cl
from pyopencl.tools import dtype_to_ctype, get_or_register_dtype, match_dtype_to_c_struct

from kernels.errors import BuildFailed

Declaration: TypeAlias = Callable[["cl.Context"], str]

_DECLARATIONS: dict[str, Declaration] = {}


def share_struct(name: str, fields: list[tuple[Any, ...]]) -> "np.dtype[Any]":
    """The numpy dtype of a struct that kernels know as `name`, of fields as numpy.dtype takes them.

    A field may be a struct that was shared before. Raises ValueError if another struct has this name.
    """
    dtype = np.dtype(fields)

    def declared(context: "cl.Context") -> str:
        on_device, text = match_dtype_to_c_struct(context.devices[0], name, dtype, context)
        if on_device != dtype:
            raise BuildFailed(f"struct {name}: the device lays out {on_device} where numpy has {dtype}")
        inner = [field[0] for field in (dtype.fields or {}).values() if field[0].names]
        return "".join(f"#include <{dtype_to_ctype(field)}>\n" for field in inner) + text

    _add(name, declared)
    get_or_register_dtype(name, dtype)  # so that other structs can have fields of this one
    return dtype


def share_constants(name: str, **values: int | float) -> None:
    """Let kernels have these numbers as macros by `#include <name>`; floats become float32 literals."""
    text = "".join(f"#define {key} {_literal(value)}\n" for key, value in values.items())
    _add(name, lambda _: text)


def declaration(name: str, context: "cl.Context") -> str:
    """The OpenCL text of what was shared under `name`. Raises BuildFailed if nothing was."""
    if name not in _DECLARATIONS:
        raise BuildFailed(f"#include <{name}>: no struct and no constants are shared under this name")
    return _DECLARATIONS[name](context)


def _add(name: str, declared: Declaration) -> None:
    if name in _DECLARATIONS:
        raise ValueError(f"{name} is already shared with the kernels")
    _DECLARATIONS[name] = declared


def _literal(value: int | float) -> str:
    return str(int(value)) if isinstance(value, int) else f"{value!r}f"
