"""Runs the peer, ppafm, on a given device, in the same way as its own trainer."""

import logging
import warnings
from functools import cache

import numpy as np
import pyopencl as cl
from numpy.typing import NDArray
from ppafm.ml.AuxMap import AuxMaps
from ppafm.ocl import field, relax
from ppafm.ocl.AFMulator import AFMulator
from ppafm.ocl.oclUtils import OCLEnvironment

from afmbatch.spec.job import JobSpec
from afmbatch.spec.tips import Tip
from benchmarks.cases import Sample

GRID = 10  # points per Å of the peer's force grid: its default
MAPS = {
    "vdw_spheres": "vdwSpheres",
    "atomic_disks": "AtomicDisks",
    "height_map": "HeightMap",
    "bonds": "Bonds",
    "atom_rfunc": "AtomRfunc",
}
PARAMETER_NAMES = {"r_pp": "Rpp", "r_max": "Rmax", "mode": "diskMode"}  # parameters with another name in the peer


class Peer:
    """The peer's simulator and descriptors for the samples of one job.

    The constructor creates the objects that the peer's trainer creates once: buffers, programs, descriptor objects.
    `simulate` repeats the trainer's work for each sample. All peers of a process must use one device.
    """

    def __init__(self, device: "cl.Device", spec: JobSpec) -> None:
        use(device)
        self._spec = spec
        self._window = np.array(spec.scan.window)
        self._simulator = AFMulator(
            pixPerAngstrome=GRID,
            scan_dim=spec.scan.dim,
            scan_window=spec.scan.window,
            df_steps=spec.scan.df_steps,
            tipR0=[*spec.tips[-1].tilt, spec.tips[-1].r0],
            npbc=(0, 0, 0),
        )
        self._maps = peer_maps(self._simulator, spec)

    def simulate(self, sample: Sample) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return the images and descriptors of a sample.

        Images: (T, nx, ny, n_out) float32, Hz, slice 0 farthest; the spec's descriptors: (D, nx, ny) float32.
        """
        df = np.stack([self._image(sample, t, tip) for t, tip in enumerate(self._spec.tips)])
        xyzq = np.column_stack((sample.xyz, sample.charge))
        return df, np.stack([describe(xyzq, sample.number) for describe in self._maps])

    def _image(self, sample: Sample, t: int, tip: Tip) -> NDArray[np.float32]:
        # The peer's trainer moves the molecule, never the window, so that the force grid stays where it is.
        simulator = self._simulator
        simulator.iZPP = tip.element
        simulator.tipR0 = [*sample.tilt[t], tip.r0]
        simulator.setStiffness(tip.stiffness)
        simulator.setQs(_four(tip.charges), _four(tip.charge_z))
        moved = sample.xyz + (self._window[0] - sample.window[t, 0])
        image: NDArray[np.float32] = simulator(moved, sample.number, sample.charge)
        return image


def peer_maps(simulator: AFMulator, spec: JobSpec) -> list[AuxMaps]:
    """Return the peer's objects for the descriptors of a spec."""
    maps = []
    for descriptor in spec.descriptors:
        asked = descriptor.model_dump(exclude={"kind", "window", "dim", "function"})
        given = {PARAMETER_NAMES.get(name, name): value for name, value in asked.items()}
        if descriptor.kind == "height_map":
            given["scanner"] = simulator.scanner
        else:
            given["scan_dim"] = spec.scan.dim[:2]
            given["scan_window"] = tuple(corner[:2] for corner in spec.scan.window)
        maps.append(AuxMaps(MAPS[descriptor.kind], given))
    return maps


class _Environment(OCLEnvironment):  # type: ignore[misc]
    """An environment with a given device. The peer's own takes the first device of a platform with a given number."""

    def __init__(self, device: "cl.Device") -> None:
        super().__init__(cl.get_platforms().index(device.platform))
        self.ctx = cl.Context([device])
        self.queue = cl.CommandQueue(self.ctx)


@cache
def use(device: "cl.Device") -> None:
    """Build the peer's programs once: the peer keeps them in its modules, and earlier simulators must stay valid."""
    logging.getLogger("ppafm").setLevel(logging.WARNING)
    warnings.simplefilter("ignore", cl.RepeatedKernelRetrieval)
    environment = _Environment(device)
    field.init(environment)
    relax.init(environment)


def _four(values: tuple[float, ...]) -> list[float]:
    return [*values, *[0.0] * (4 - len(values))]
