"""Host and device share structs and constants, which are declared in Python and generated as OpenCL text.

A .cl file asks for them by `#include <name>`. The text is made from the numpy dtype by the rules of C. The tests check
it with pyopencl's match_dtype_to_c_struct, which runs a kernel on the device: this would take 0.07 s for each struct at
every start of a process, and 0.5 s at the first one.
"""

from typing import Any

import numpy as np
from pyopencl.tools import dtype_to_ctype, get_or_register_dtype

from kernels.errors import BuildFailed

_DECLARATIONS: dict[str, str] = {}


def share_struct(name: str, fields: list[tuple[Any, ...]]) -> "np.dtype[Any]":
    """Return the numpy dtype of a struct that kernels know as `name`; `fields` are as numpy.dtype takes them.

    A field may be a struct that was shared before. Raises ValueError if the name is taken, or if C would pad the
    struct, which numpy does not.
    """
    dtype = np.dtype(fields)
    aligned = np.dtype(fields, align=True)
    if (aligned.fields, aligned.itemsize) != (dtype.fields, dtype.itemsize):
        raise ValueError(f"struct {name}: C pads these fields to {aligned.itemsize} bytes, numpy has {dtype.itemsize}")
    members, inner = [], []
    for field in dtype.names or ():
        base, shape = dtype[field].base, dtype[field].shape
        inner += [f"#include <{dtype_to_ctype(base)}>\n"] if base.names else []
        members.append(f"    {dtype_to_ctype(base)} {field}{''.join(f'[{n}]' for n in shape)};\n")
    _add(name, f"{''.join(inner)}typedef struct {{\n{''.join(members)}}} {name};\n")
    get_or_register_dtype(name, dtype)  # so that other structs can have fields of this one
    return dtype


def share_constants(name: str, **values: int | float) -> None:
    """Share numbers, which kernels get as macros by `#include <name>`; floats become float32 literals."""
    _add(name, "".join(f"#define {key} {_literal(value)}\n" for key, value in values.items()))


def declaration(name: str) -> str:
    """Return the OpenCL text that was shared under `name`; raises BuildFailed if there is no such name."""
    if name not in _DECLARATIONS:
        raise BuildFailed(f"#include <{name}>: no struct and no constants are shared under this name")
    return _DECLARATIONS[name]


def _add(name: str, text: str) -> None:
    if name in _DECLARATIONS:
        raise ValueError(f"{name} is already shared with the kernels")
    _DECLARATIONS[name] = text


def _literal(value: int | float) -> str:
    return str(int(value)) if isinstance(value, int) else f"{value!r}f"
