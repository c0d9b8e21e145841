"""`expand` resolves the includes of OpenCL source text on the host."""

from pathlib import Path

import numpy as np
import pyopencl as cl
import pytest

import kernels.descriptors.surface  # noqa: F401 (shares its constants)
from kernels.device.device import Device
from kernels.device.sources import FOLDER, expand
from kernels.errors import BuildFailed


def code(text: str) -> list[str]:
    """Return the lines that are not #line directives."""
    return [line for line in text.splitlines() if line and not line.startswith("#line")]


def test_files_are_found_beside_the_including_one_and_included_once(tmp_path: Path) -> None:
    (tmp_path / "a.cl").write_text('#include "b.cl"\n#include "opencl/vector.cl"\nint a;\n')
    (tmp_path / "b.cl").write_text('#include "a.cl"\n#include "opencl/vector.cl"\nint b;\n')
    lines = code(expand(f'#include "{tmp_path / "a.cl"}"\n#include "{tmp_path / "b.cl"}"', {}))
    vector = code((FOLDER / "opencl" / "vector.cl").read_text())
    assert lines == [*vector, "int b;", "int a;"]


def test_names_stand_for_files_and_texts(tmp_path: Path) -> None:
    (tmp_path / "a.cl").write_text("int a;\n")
    text = "#include FILE\n#include TEXT\n#include TEXT\n# include <surface_constants>\n#include <surface_constants>\n"
    choices = {"FILE": tmp_path / "a.cl", "TEXT": "int text;"}
    assert code(expand(text, choices)) == ["int a;", "int text;", "#define NO_SURFACE 1000000000.0f"]


@pytest.mark.parametrize("include", ['"nowhere.cl"', "NOWHERE"])
def test_an_include_that_does_not_exist_is_named(include: str) -> None:
    with pytest.raises(BuildFailed, match=include.strip('"')):
        expand(f"#include {include}", {})


def test_the_compiler_names_the_included_file_and_its_line(device: Device, tmp_path: Path) -> None:
    (tmp_path / "broken.cl").write_text("int ok;\nint broken = nowhere;\n")
    with pytest.raises(BuildFailed, match=r"broken\.cl:2"):
        device.build(f'#include "{tmp_path / "broken.cl"}"\n')


def test_an_edited_include_is_not_served_from_a_cache(device: Device, tmp_path: Path) -> None:
    """Programs are cached by compilers; a program whose included file was edited is another program."""
    entry = tmp_path / "entry.cl"
    entry.write_text('#include "value.cl"\nkernel void run(global int *out) { out[0] = VALUE; }\n')
    found = []
    for value in (3, 4):
        (tmp_path / "value.cl").write_text(f"#define VALUE {value}\n")
        fresh = Device(device.context.devices[0], lanes=device.lanes)  # remembers no programs
        out = np.zeros(1, np.int32)
        buffer = cl.Buffer(fresh.context, cl.mem_flags.WRITE_ONLY, 4)
        fresh.launch(fresh.kernel("run", entry), (1,), (1,), buffer)
        cl.enqueue_copy(fresh.queue, out, buffer)
        found.append(int(out[0]))
    assert found == [3, 4]
