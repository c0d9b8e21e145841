"""The kernels of grid force fields under Oclgrind: accesses outside a buffer, and races.

Values that nobody wrote are looked for on the real device instead: Oclgrind also reports some that were written.
"""

from pathlib import Path

import numpy as np
import pyopencl as cl
import pytest

from kernels.device.device import Device
from kernels.device.workspace import Workspace
from tests.kernels.force_fields.grid.simulate_small import simulate
from tests.kernels.test_oclgrind import complaints


@pytest.mark.parametrize("lanes", [1, 8])
def test_no_kernel_accesses_memory_wrongly(tmp_path: Path, device: Device, lanes: int) -> None:
    out = tmp_path / "df.npy"
    command = ("-m", "tests.kernels.force_fields.grid.simulate_small", "oclgrind", str(lanes), str(out))
    assert complaints(tmp_path, *command, checks={"OCLGRIND_DATA_RACES": "1"}) == ""
    here = simulate(device).df
    assert np.abs(here).max() > 0
    assert np.load(out) == pytest.approx(here, abs=1e-4 * float(np.abs(here).max()))


@pytest.mark.parametrize("lanes", ["device", "scalar_device"])
def test_no_kernel_reads_what_nobody_wrote(
    lanes: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    device: Device = request.getfixturevalue(lanes)
    want = simulate(device).df
    make = Workspace.buffer

    def poisoned(self: Workspace, name: str, nbytes: int) -> cl.Buffer:
        buffer = make(self, name, nbytes)
        device.finish()  # commands may still use what the buffer held
        cl.enqueue_fill_buffer(device.uploads, buffer, np.float32(np.nan), 0, buffer.size // 4 * 4).wait()
        return buffer

    monkeypatch.setattr(Workspace, "buffer", poisoned)
    assert (simulate(device).df == want).all()
