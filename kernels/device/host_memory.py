"""HostMemory is a pool of host memory that a device writes at full speed, reused from batch to batch."""

from collections import deque
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyopencl as cl

Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Block:
    """A piece of host memory; `owner` keeps it allocated."""

    bytes: Bytes
    owner: Any = field(repr=False)


class HostMemory:
    """A pool of memory blocks to download to. Several threads may use it at once.

    With `locked`, blocks are page-locked: where the device has memory of its own, a copy to pageable memory takes four
    times as long. Locking takes longer than copying, hence the pool.
    """

    def __init__(self, context: "cl.Context", queue: "cl.CommandQueue", locked: bool) -> None:
        self._context = context
        self._queue = queue
        self._locked = locked
        self._free: deque[Block] = deque()

    def take(self, nbytes: int) -> Block:
        """Return a block of at least `nbytes` with undefined content: a free one if one is large enough."""
        for _ in range(len(self._free)):
            try:
                block = self._free.popleft()
            except IndexError:  # another thread has taken the last one
                break
            if block.bytes.nbytes >= nbytes:
                return block
        return self._make(max(nbytes, 1))

    def give(self, block: Block) -> None:
        """Give a block back to the pool; nothing may use it any more."""
        self._free.append(block)

    def _make(self, nbytes: int) -> Block:
        if not self._locked:
            return Block(np.empty(nbytes, np.uint8), None)
        flags = cl.mem_flags.READ_WRITE | cl.mem_flags.ALLOC_HOST_PTR
        buffer = cl.Buffer(self._context, flags, nbytes)
        both: Any = cl.map_flags.READ | cl.map_flags.WRITE  # an int, whatever the stubs say
        array, _ = cl.enqueue_map_buffer(self._queue, buffer, both, 0, (nbytes,), np.dtype(np.uint8))
        return Block(array, buffer)
