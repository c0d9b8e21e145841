"""PoCL gets a processor name on hosts whose processor its compiler does not know.

PoCL 3.0, the latest in a wheel, carries LLVM 14. LLVM calls a processor that is newer than itself (AMD's Zen 4 and
Zen 5) "generic", and PoCL passes this name to its OpenCL compiler, which rejects it: every build fails with "unknown
target CPU 'generic'" (pocl issues 512 and 1049). No option and no environment variable of PoCL 3.0 sets the name, so it
is overwritten in the memory of PoCL's device object by a processor with the same vector instructions.
"""

import struct
from collections.abc import Set
from pathlib import Path

_UNKNOWN = b"generic\0"
_SCANNED_BYTES = 4096  # of the device object; in PoCL 3.0 the pointer to the name lies at byte 640
_AVX512 = {"avx512f", "avx512cd", "avx512bw", "avx512dq", "avx512vl"}
_AVX2 = {"avx2", "fma", "f16c", "bmi1", "bmi2", "movbe"}


def name_cpu(device_address: int, flags: Set[str] | None = None) -> str | None:
    """Give the PoCL device at this address a processor name that its compiler knows, if it has none.

    `flags` are the processor's features as in /proc/cpuinfo; None: those of this host. Return the name, or None if the
    device already had one.
    """
    memory = Path("/proc/self/mem")
    if not memory.exists():  # not Linux: PoCL does not come from the wheel there
        return None
    with memory.open("r+b", buffering=0) as file:  # unlike a pointer, reading here fails without a crash
        for at in range(device_address, device_address + _SCANNED_BYTES, struct.calcsize("P")):
            try:
                file.seek(at)
                (pointer,) = struct.unpack("P", file.read(struct.calcsize("P")))
                file.seek(pointer)
                text = file.read(len(_UNKNOWN))
            except (OSError, OverflowError, ValueError, struct.error):
                continue
            if text == _UNKNOWN:
                name = _equivalent(_host_flags() if flags is None else flags)
                file.seek(pointer)
                file.write(name.encode().ljust(len(_UNKNOWN), b"\0"))
                return name
    return None


def _equivalent(flags: Set[str]) -> str:
    """Return a processor that LLVM 14 knows and that has only these features; its name is no longer than "generic"."""
    if flags >= _AVX2 | _AVX512:
        return "skx"
    return "haswell" if flags >= _AVX2 else "x86-64"


def _host_flags() -> Set[str]:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return set(next((line.partition(":")[2] for line in lines if line.startswith("flags")), "").split())
