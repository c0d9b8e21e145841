"""Oclgrind finds no access outside a buffer, no race and no uninitialised value in any kernel."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from kernels.device.device import Device
from tests.kernels.describe import all_maps
from tests.kernels.simulate_small import simulate

ROOT = Path(__file__).parents[2]
CHECKS = {"OCLGRIND_DATA_RACES": "1", "OCLGRIND_UNINITIALIZED": "1"}
RUN = """
import numpy as np
from kernels import open_device
device = open_device("oclgrind")
kernel = device.build('''
{source}
''')
import pyopencl as cl
from tests.kernels.describe import all_maps
buffer = cl.Buffer(device.context, cl.mem_flags.READ_WRITE, 4 * 7)
device.launch(cl.Kernel(kernel, "broken"), (7,), (4,), buffer, np.int32(7))
device.queue.finish()
"""


def complaints(tmp_path: Path, *command: str, checks: Mapping[str, str] = CHECKS) -> str:
    """Return the complaints of Oclgrind about a Python command."""
    log = tmp_path / "oclgrind.log"
    environment = {**os.environ, **checks, "OCLGRIND_LOG": str(log), "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, *command], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return log.read_text() if log.exists() else "no log"


@pytest.mark.parametrize("lanes", [1, 8])
def test_no_kernel_accesses_memory_wrongly(tmp_path: Path, device: Device, lanes: int) -> None:
    out = tmp_path / "result.npz"
    assert complaints(tmp_path, "-m", "tests.kernels.simulate_small", "oclgrind", str(lanes), str(out)) == ""
    here = simulate(device)
    with np.load(out) as there:
        assert there["df"] == pytest.approx(here.df, abs=1e-4 * float(np.abs(here.df).max()))
        for index, image in enumerate(all_maps(here)):
            assert there[f"arr_{index}"] == pytest.approx(image, abs=1e-4)


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ("out[get_global_id(0)] = 1;", "Invalid write"),
        ("int i = get_global_id(0); if (i < n) out[i] = out[(i + 1) % n];", "race"),
    ],
    ids=["unguarded", "race"],
)
def test_a_broken_kernel_is_reported(tmp_path: Path, body: str, complaint: str) -> None:
    source = f"kernel void broken(global int *out, const int n) {{ {body} }}"
    assert complaint in complaints(tmp_path, "-c", RUN.format(source=source))
