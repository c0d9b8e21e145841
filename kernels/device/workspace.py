"""Workspace keeps the device buffers of a batch, which grow and are reused."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyopencl as cl

from kernels.device.device import Device


class Workspace:
    """Device buffers by name. Growing a buffer waits for all commands of the device; reusing one does not wait."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self._buffers: dict[str, cl.Buffer] = {}

    def buffer(self, name: str, nbytes: int) -> "cl.Buffer":
        """Return the buffer of that name, at least `nbytes` long; its content is undefined."""
        held = self._buffers.get(name)
        if held is None or held.size < nbytes:
            if held is not None:
                self._device.finish()
            held = cl.Buffer(self._device.context, cl.mem_flags.READ_WRITE, max(nbytes, 1))
            self._buffers[name] = held
        return held

    def upload(self, arrays: Mapping[str, npt.NDArray[Any]]) -> "tuple[dict[str, cl.Buffer], list[cl.Event]]":
        """Copy each array to the buffer of its name; return the buffers and the copies' events.

        Keep the events until the copies are done: they keep the arrays alive. The arrays are not sub-buffers of one
        buffer: NVIDIA's driver 580 crashes when a sub-buffer of an earlier batch is released while a later one at the
        same place is in use.
        """
        buffers, copies = {}, []
        for name, array in arrays.items():
            held = self._buffers.get(name)
            fits = held is not None and held.size >= array.nbytes
            buffers[name] = self.buffer(name, array.nbytes if held is None or fits else array.nbytes * 3 // 2)
            if array.nbytes:
                host = np.ascontiguousarray(array)
                copies.append(cl.enqueue_copy(self._device.uploads, buffers[name], host, is_blocking=False))
        self._device.uploads.flush()
        return buffers, copies
