"""OpenCL devices: finding one, building programs for it, launching kernels."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import pyopencl as cl

from kernels.errors import BuildFailed, DeviceNotFound
from kernels.linker import Linker
from kernels.pocl_cpu import name_cpu

Kind = Literal["gpu", "cpu", "other"]
SOURCES = Path(__file__).parent
SIMULATOR = "oclgrind"
POCL = "portable computing language"
_Recipe: TypeAlias = tuple[tuple[str, ...], tuple[tuple[str, int], ...]]  # sources and defines of a program


@dataclass(frozen=True)
class DeviceInfo:
    """What a device says about itself."""

    platform: str
    name: str
    kind: Kind
    compute_units: int
    memory_bytes: int
    driver: str

    def matches(self, selector: str) -> bool:
        """Whether the selector's text occurs in platform and name, whatever its case."""
        return selector.casefold() in f"{self.platform} {self.name}".casefold()


def list_devices() -> list[DeviceInfo]:
    """Every OpenCL device of this machine, simulators included."""
    return [_describe(device) for device in _devices()]


def open_device(selector: str = "auto") -> "Device":
    """The first device that matches: 'auto' is a GPU, else a CPU; anything else is text of platform or name.

    The simulator Oclgrind calls itself GPU and CPU at once and is taken only when named.
    Raises DeviceNotFound, naming what exists, or LinkerNotFound.
    """
    found = [(_describe(device), device) for device in _devices()]
    if selector == "auto":
        usable = [pair for pair in found if pair[0].kind != "other"]
        usable.sort(key=lambda pair: pair[0].kind != "gpu")
    else:
        usable = [pair for pair in found if pair[0].matches(selector)]
    if not usable:
        names = "; ".join(f"{info.platform}: {info.name} ({info.kind})" for info, _ in found) or "none at all"
        raise DeviceNotFound(f"no OpenCL device for {selector!r}; there are: {names}")
    return Device(usable[0][1])


class Device:
    """One OpenCL device with its context, its built programs and three in-order queues: transfers go beside kernels.

    lanes is how many pixels a work-item carries: 8 on CPUs (a float8 fills a vector register), else 1. Not for
    use by several threads at once.
    """

    def __init__(self, device: "cl.Device", lanes: int | None = None) -> None:
        self.info = _describe(device)
        self.lanes = lanes if lanes is not None else 8 if self.info.kind == "cpu" else 1
        # y and x: a group's pixels, a warp's still more, are near each other, so that they need the same steps.
        self.tile = (8, 16, 1) if self.lanes == 1 else (4, 4, 1)
        # Pixels of a warp, 8 × 4 of the tile, go one way together: where it begins must not depend on anything.
        self.rows_together = 4 if self.lanes == 1 else 1
        if POCL in self.info.platform.casefold():
            self._linker = Linker()
            name_cpu(device.int_ptr)
        self.context = cl.Context([device])
        self.uploads, self.queue, self.downloads = (cl.CommandQueue(self.context) for _ in range(3))
        self.local_memory = int(device.local_mem_size)
        self.max_buffer = int(device.max_mem_alloc_size)
        self._programs: dict[_Recipe, cl.Program] = {}
        self._kernels: dict[tuple[_Recipe, str], cl.Kernel] = {}

    def source(self, *names: str) -> str:
        """The .cl files of this folder by stem, one after the other."""
        return "\n".join(f'#line 1 "{name}.cl"\n{(SOURCES / f"{name}.cl").read_text()}' for name in names)

    def kernel(self, name: str, *sources: str, **defines: int) -> "cl.Kernel":
        """The kernel of that name in the program made of these sources, built once; raises BuildFailed."""
        key = (sources, tuple(sorted(defines.items())))
        if key not in self._programs:
            self._programs[key] = self.build(self.source(*sources), **defines)
        if (key, name) not in self._kernels:
            self._kernels[key, name] = cl.Kernel(self._programs[key], name)
        return self._kernels[key, name]

    def build(self, source: str, **defines: int) -> "cl.Program":
        """A program from source text; raises BuildFailed with the compiler's words."""
        # The simulator does not know what its own compiler's inliner leaves behind.
        faster = ["-cl-mad-enable", "-cl-denorms-are-zero", "-cl-no-signed-zeros"]
        how = ["-cl-opt-disable"] if self.info.kind == "other" else faster
        options = [*how, f"-DWIDTH={self.lanes}", *(f"-D{name}={value}" for name, value in defines.items())]
        try:
            program: cl.Program = cl.Program(self.context, source).build(options=options)
        except cl.RuntimeError as error:
            raise BuildFailed(str(error)) from error
        return program

    def finish(self) -> None:
        """Wait for everything that was enqueued."""
        for queue in (self.uploads, self.queue, self.downloads):
            queue.finish()

    def launch(
        self, kernel: "cl.Kernel", size: Sequence[int], group: Sequence[int], *arguments: Any, first: int = 0
    ) -> None:
        """Enqueue the kernel over `size` work-items, rounded up to whole groups; the last axis starts at `first`."""
        whole = tuple(-(-n // g) * g for n, g in zip(size, group, strict=True))
        kernel(self.queue, whole, tuple(group), *arguments, global_offset=(*[0] * (len(whole) - 1), first))


def _devices() -> "list[cl.Device]":
    try:
        return [device for platform in cl.get_platforms() for device in platform.get_devices()]
    except cl.LogicError:  # the loader's way to say that there is no platform
        return []


def _describe(device: "cl.Device") -> DeviceInfo:
    platform = device.platform.name
    kind: Kind = "other"
    if SIMULATOR not in platform.casefold():
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
