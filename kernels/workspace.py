"""A device's memory for one batch: buffers that grow and are used again."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyopencl as cl

from kernels.device import Device


@dataclass(frozen=True, eq=False)
class Packed:
    """Arrays in one piece of host memory, each where a sub-buffer may start; where: (first byte, bytes) by name."""

    bytes: npt.NDArray[np.uint8]
    where: dict[str, tuple[int, int]]


def pack(device: Device, arrays: Mapping[str, npt.NDArray[Any]]) -> Packed:
    """The arrays packed for one transfer; no device is used, so that any thread may do it."""
    where, end = {}, 0
    for name, array in arrays.items():
        where[name] = end, array.nbytes
        end += -(-max(array.nbytes, 1) // device.align) * device.align
    packed = np.zeros(end, np.uint8)
    for (start, size), array in zip(where.values(), arrays.values(), strict=True):
        packed[start : start + size] = np.ascontiguousarray(array).view(np.uint8).ravel()
    return Packed(packed, where)


class Workspace:
    """Buffers by name. Commands that use one are not waited for, unless it has to grow."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self._buffers: dict[str, cl.Buffer] = {}

    def buffer(self, name: str, nbytes: int) -> "cl.Buffer":
        """The buffer of that name, at least nbytes long; its content is undefined."""
        held = self._buffers.get(name)
        if held is None or held.size < nbytes:
            if held is not None:
                self._device.finish()  # sub-buffers in use don't keep it
            held = cl.Buffer(self._device.context, cl.mem_flags.READ_WRITE, max(nbytes, 1))
            self._buffers[name] = held
        return held

    def upload(self, packed: Packed) -> "tuple[dict[str, cl.Buffer], cl.Event]":
        """Each packed array as a buffer of its own, and when they are there; the caller keeps `packed` until then.

        The simulator checks the bounds of whole buffers only, so that it gets one for each array.
        """
        device = self._device
        if device.info.kind == "other":
            return {name: self._apart(packed, *where) for name, where in packed.where.items()}, cl.enqueue_marker(
                device.uploads
            )
        whole = self.buffer("input", packed.bytes.nbytes)
        done = cl.enqueue_copy(device.uploads, whole, packed.bytes, is_blocking=False)
        device.uploads.flush()
        return {name: whole.get_sub_region(start, max(size, 1)) for name, (start, size) in packed.where.items()}, done

    def _apart(self, packed: Packed, start: int, size: int) -> "cl.Buffer":
        flags = cl.mem_flags.READ_WRITE | (cl.mem_flags.COPY_HOST_PTR if size else 0)
        host = packed.bytes[start : start + size] if size else None
        return cl.Buffer(self._device.context, flags, max(size, 1) if host is None else 0, hostbuf=host)
