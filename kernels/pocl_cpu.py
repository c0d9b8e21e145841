"""Names the host's processor to PoCL where its compiler does not know it.

PoCL 3.0, the latest in a wheel, carries LLVM 14. Of a processor that is newer than that (AMD's Zen 4 and Zen 5) LLVM
says "generic", and PoCL hands this word to its OpenCL compiler, which refuses it: every build fails with "unknown
target CPU 'generic'" (pocl issues 512 and 1049). No option or variable of PoCL 3.0 says otherwise, so the word is
replaced where PoCL keeps it, in the memory of its device object, by a processor with the same vector instructions.
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

    flags: the processor's features as in /proc/cpuinfo; None: those of this host.
    Returns the name given, None where nothing had to be done.
    """
    memory = Path("/proc/self/mem")
    if not memory.exists():  # not Linux: other hosts have their PoCL from elsewhere
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
    """A processor that LLVM 14 knows, with at most these features; no longer than the word it replaces."""
    if flags >= _AVX2 | _AVX512:
        return "skx"
    return "haswell" if flags >= _AVX2 else "x86-64"


def _host_flags() -> Set[str]:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return set(next((line.partition(":")[2] for line in lines if line.startswith("flags")), "").split())
