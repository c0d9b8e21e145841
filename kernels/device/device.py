"""Device is an open OpenCL device, which builds programs and launches kernels."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import pyopencl as cl

from kernels.device.linker import Linker
from kernels.device.pocl_cpu import name_cpu
from kernels.device.sources import expand
from kernels.errors import BuildFailed, DeviceNotFound

Kind = Literal["gpu", "cpu", "other"]
Define: TypeAlias = int | Path | str  # a macro's value; or the file or text that `#include NAME` stands for
OCLGRIND = "oclgrind"
POCL = "portable computing language"
_ProgramKey: TypeAlias = tuple[str | Path, tuple[tuple[str, Define], ...]]  # a program's file and defines


@dataclass(frozen=True)
class DeviceInfo:
    """The properties that a device reports; memory_bytes is the size of its global memory."""

    platform: str
    name: str
    kind: Kind
    compute_units: int
    memory_bytes: int
    driver: str

    def matches(self, selector: str) -> bool:
        """Return whether platform and name contain the selector's text; case is ignored."""
        return selector.casefold() in f"{self.platform} {self.name}".casefold()


def list_devices() -> list[DeviceInfo]:
    """Describe every OpenCL device of this machine, simulators included."""
    return [_describe(device) for device in _devices()]


def open_device(selector: str = "auto") -> "Device":
    """Open the first device that matches: 'auto' a GPU, else a CPU; other text the devices with it in platform or name.

    The simulator Oclgrind calls itself GPU and CPU at once and is opened only when it is named.
    Raises DeviceNotFound, with a list of the devices that exist, or LinkerNotFound.
    """
    found = [(_describe(device), device) for device in _devices()]
    if selector == "auto":
        usable = [pair for pair in found if pair[0].kind != "other"]
        usable.sort(key=lambda pair: pair[0].kind != "gpu")
    else:
        usable = [pair for pair in found if pair[0].matches(selector)]
    if not usable:
        names = "; ".join(f"{info.platform}: {info.name} ({info.kind})" for info, _ in found) or "none"
        raise DeviceNotFound(f"no OpenCL device matches {selector!r}; this machine has: {names}")
    return Device(usable[0][1])


def is_complete(event: "cl.Event") -> bool:
    """Return True if the command of an event has ended."""
    return bool(event.command_execution_status == cl.command_execution_status.COMPLETE)


class Device:
    """An OpenCL device with its context, its built programs and three in-order queues.

    The queues are for uploads, kernels and downloads, so that transfers run while kernels do.

    `lanes` is the number of pixels that a work-item carries: 8 on CPUs (a float8 fills a vector register), else 1.
    A device must not be used by several threads at once.
    """

    def __init__(self, device: "cl.Device", lanes: int | None = None) -> None:
        self.info = _describe(device)
        self.lanes = lanes if lanes is not None else 8 if self.info.kind == "cpu" else 1
        # Work-items of a group along y and x. The pixels of a group, and still more those of a warp, are near each
        # other, so that they need the same number of steps.
        self.tile = (8, 16, 1) if self.lanes == 1 else (4, 4, 1)
        # The pixels of a warp, 8 × 4 of the tile, take the same branches: a partition must begin at a warp's first row,
        # or results would depend on it.
        self.row_granularity = 4 if self.lanes == 1 else 1
        if POCL in self.info.platform.casefold():
            self._linker = Linker()
            name_cpu(device.int_ptr)
        self.context = cl.Context([device])
        self.uploads, self.queue, self.downloads = (cl.CommandQueue(self.context) for _ in range(3))
        self.local_memory = int(device.local_mem_size)
        self.max_buffer = int(device.max_mem_alloc_size)
        self._programs: dict[_ProgramKey, cl.Program] = {}
        self._kernels: dict[tuple[_ProgramKey, str], cl.Kernel] = {}

    def kernel(self, name: str, file: str | Path, **defines: Define) -> "cl.Kernel":
        """Return the kernel `name` of the program in `file`, a path in the folder `kernels` or an absolute one.

        The program is built once for these defines; raises BuildFailed.
        """
        key = (file, tuple(sorted(defines.items())))
        if key not in self._programs:
            self._programs[key] = self.build(f'#include "{file}"', **defines)
        if (key, name) not in self._kernels:
            self._kernels[key, name] = cl.Kernel(self._programs[key], name)
        return self._kernels[key, name]

    def build(self, text: str, **defines: Define) -> "cl.Program":
        """Build a program from source text; raises BuildFailed with the compiler's message."""
        options = [
            *self._options(),
            *(f"-D{name}={value}" for name, value in defines.items() if isinstance(value, int)),
        ]
        try:
            program: cl.Program = cl.Program(self.context, self.source(text, **defines)).build(options=options)
        except cl.RuntimeError as error:
            raise BuildFailed(str(error)) from error
        return program

    def source(self, text: str, **defines: Define) -> str:
        """Return source text with its includes in place (kernels.device.sources); raises BuildFailed."""
        choices = {name: value for name, value in defines.items() if not isinstance(value, int)}
        return expand(text, choices)

    def _options(self) -> list[str]:
        # Oclgrind does not implement what its own compiler's inliner makes of the kernels.
        faster = ["-cl-mad-enable", "-cl-denorms-are-zero", "-cl-no-signed-zeros"]
        return [*(["-cl-opt-disable"] if self.info.kind == "other" else faster), f"-DWIDTH={self.lanes}"]

    def finish(self) -> None:
        """Wait for all enqueued commands."""
        for queue in (self.uploads, self.queue, self.downloads):
            queue.finish()

    def launch(
        self, kernel: "cl.Kernel", size: Sequence[int], group: Sequence[int], *arguments: Any, first: int = 0
    ) -> None:
        """Enqueue the kernel over `size` work-items in groups of `group`.

        Sizes are rounded up to whole groups; the last axis starts at `first`.
        """
        whole = tuple(-(-n // g) * g for n, g in zip(size, group, strict=True))
        kernel(self.queue, whole, tuple(group), *arguments, global_offset=(*[0] * (len(whole) - 1), first))


def _devices() -> "list[cl.Device]":
    try:
        return [device for platform in cl.get_platforms() for device in platform.get_devices()]
    except cl.LogicError:  # the OpenCL loader raises this if there is no platform
        return []


def _describe(device: "cl.Device") -> DeviceInfo:
    platform = device.platform.name
    kind: Kind = "other"
    if OCLGRIND not in platform.casefold():
        if device.type & cl.device_type.GPU:
            kind = "gpu"
        elif device.type & cl.device_type.CPU:
            kind = "cpu"
    return DeviceInfo(
        platform=platform,
        name=device.name.strip(),
        kind=kind,
        compute_units=int(device.max_compute_units),
        memory_bytes=int(device.global_mem_size),
        driver=device.driver_version,
    )
