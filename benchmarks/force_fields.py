"""Measures all force fields beside the peer's general trainer: `python -m benchmarks.force_fields FOLDER`.

FOLDER is that of benchmarks.truth. Both engines make the same samples in the same run on the same device, from arrays
in host memory to arrays in host memory: 20 rotations of each of two molecules with four descriptors, and all molecules
are new ones. The last column is the time of the device alone, for molecules that are on it already.
"""

import logging
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from ppafm.ml.Generator import GeneratorAFMtrainer
from ppafm.ocl import field
from ppafm.ocl.AFMulator import AFMulator
from rich.console import Console
from rich.table import Table

import kernels
from afmbatch.sampling.plan import Plan
from afmbatch.sampling.recipe import Recipe
from afmbatch.spec.job import JobSpec
from afmbatch.structures.structures import Structures
from benchmarks.overlapped import seconds_per_batch
from benchmarks.peer import peer_maps, use
from benchmarks.truth import SAMPLES, sample_grids, tip_grids
from kernels.simulator import Prepared
from worker.engine.binding import bind, bind_descriptor, bind_force_field
from worker.engine.bond_cache import BondCache
from worker.engine.grid_binding import GridBinding
from worker.engine.orientations import Orientations

MOLECULES = ("hcooh_valence", "benzene_valence")
ROTATIONS = 20
MOLECULES_A_BATCH = {"gpu": 6, "cpu": 2, "other": 2}  # by kind of device
BATCHES = {"gpu": 16, "cpu": 2, "other": 1}  # of a run
MEMORY_BYTES, GRID_BYTES = 2 << 30, 512 << 20  # of the device, and the part of it for the molecules' fields
WINDOW = ((0.0, 0.0, 0.0), (16.0, 16.0, 1.9))
DIM = (128, 128, 19)
DISTANCE = 2.5
TIP = {"element": 8, "stiffness": [0.25, 0.25, 0, 30], "r0": 3.0}
CASES: dict[str, dict[str, Any]] = {
    "LJ": {"force_field": {"kind": "lj_pc", "charges": "none"}, "tips": [TIP]},
    "LJ+Hartree": {
        "force_field": {"kind": "lj_hartree"},
        "tips": [TIP | {"density": {"kind": "multipole", "moments": {"dz2": -0.1}, "sigma": 0.71}}],
    },
    "FDBM": {
        "force_field": {"kind": "fdbm", "strength": 12.0, "exponent": 1.2},
        "tips": [TIP | {"density": {"kind": "tip", "id": "tip-co"}}],
    },
}
"""The force field and the tip of a spec, by the peer's name for it."""


@dataclass(frozen=True)
class Inputs:
    """The arrays of the molecules and of the CO tip, as their files have them."""

    molecules: tuple[dict[str, NDArray[Any]], ...]
    tip: dict[str, NDArray[Any]]

    @classmethod
    def read(cls, folder: Path) -> "Inputs":
        """Read the files."""

        def read(path: Path) -> dict[str, NDArray[Any]]:
            with np.load(path) as file:
                return dict(file)

        molecules = tuple(read(folder / SAMPLES[name] / f"{name}.npz") for name in MOLECULES)
        return cls(molecules, read(folder / "CO_tip" / "CO_tip_valence.npz"))


def rotations() -> NDArray[np.float64]:
    """Return the rotations of each molecule, (ROTATIONS, 3, 3) f8."""
    turned, upper = np.linalg.qr(np.random.default_rng(1).normal(size=(ROTATIONS, 3, 3)))
    turned *= np.sign(np.diagonal(upper, axis1=1, axis2=2))[:, None]
    return np.asarray(turned * np.linalg.det(turned)[:, None, None])


def spec_of(case: str) -> JobSpec:
    """Return the spec of a case."""
    return JobSpec.model_validate(
        {
            "dataset": "benchmark",
            "scan": {"window": WINDOW, "dim": DIM, "df_steps": 10, "anchor": "bottom"},
            "distance": DISTANCE,
            "descriptors": [{"kind": kind} for kind in ("vdw_spheres", "atomic_disks", "height_map", "bonds")],
            "rotations": {"kind": "list", "rotations": rotations().tolist()},
            **CASES[case],
        }
    )


class PeerTrainer:
    """The peer's trainer for one force field; an iteration makes each molecule in all its rotations."""

    def __init__(self, device: kernels.Device, case: str, inputs: Inputs) -> None:
        use(device.context.devices[0])
        self._inputs, self._case = inputs, case
        multipole = {"dz2": -0.1}
        simulator = AFMulator(
            pixPerAngstrome=10, scan_dim=DIM, scan_window=WINDOW, df_steps=10, tipR0=[0.0, 0.0, TIP["r0"]],
            tipStiffness=TIP["stiffness"], npbc=(0, 0, 0), rho=multipole if case == "LJ+Hartree" else None, sigma=0.71,
            A_pauli=12.0, B_pauli=1.2 if case == "FDBM" else 1.0,
        )  # fmt: skip
        tips: dict[str, Any] = {}
        if case == "LJ+Hartree":
            tips = {"rhos": [multipole]}
        if case == "FDBM":
            lattice, density, difference = (inputs.tip[key] for key in ("lvec", "rho", "rho_delta"))
            tips = {
                "rhos": [field.TipDensity(_f4(density), lattice)],
                "rho_deltas": [field.TipDensity(_f4(difference), lattice)],
            }
        self._trainer = GeneratorAFMtrainer(
            simulator, peer_maps(simulator, spec_of(case)), self, case, batch_size=ROTATIONS, distAbove=DISTANCE,
            iZPPs=[8], **tips,
        )  # fmt: skip

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Yield the arguments of each sample; the fields of a molecule are new for its first rotation."""
        for arrays in self._inputs.molecules:
            sample = {"xyzs": arrays["xyz"], "Zs": arrays["Z"], "qs": np.zeros(len(arrays["Z"]))}
            if self._case != "LJ":
                sample["qs"] = field.HartreePotential(_f4(arrays["pot"]), arrays["lvec"])
            if self._case == "FDBM":
                sample["rho_sample"] = field.ElectronDensity(_f4(arrays["rho"]), arrays["lvec"])
            for rotation in rotations():
                yield sample | {"rot": rotation}

    def seconds(self) -> float:
        """Make all samples and return the mean time of one, in seconds."""
        began = time.perf_counter()
        images = sum(len(batch[0]) for batch in self._trainer)
        return (time.perf_counter() - began) / images


class Engine:
    """These kernels for one force field: batches of new molecules in all their rotations."""

    def __init__(self, device: kernels.Device, case: str, inputs: Inputs) -> None:
        kind = device.info.kind
        self._simulator = kernels.Simulator(device, MEMORY_BYTES)
        self._batches, self._samples = BATCHES[kind], MOLECULES_A_BATCH[kind] * ROTATIONS
        repeats = MOLECULES_A_BATCH[kind] // len(inputs.molecules)
        structures = Structures.concatenated([_structures(inputs)] * repeats)
        spec = spec_of(case).model_copy(update={"batch_size": self._samples})
        plan = Plan(Recipe.of(spec, len(structures), len(structures.z)))
        self._spec, self._parameters = spec, plan.sample_parameters(plan.numbers(0))
        bonds, rotations = BondCache(structures), Orientations(spec, structures)
        self._bound = bind(spec, structures, rotations, bonds, self._parameters)
        self._grids = None
        if spec.force_field.needs_potential:
            self._simulator.reserve(GRID_BYTES)
            fields = NewFields(device, inputs, repeats, with_density=spec.force_field.needs_density)
            self._grids = GridBinding(spec, structures, fields)

    def prepare(self) -> Prepared:
        """Do the host's share of a batch of new molecules."""
        grids = None if self._grids is None else self._grids.bind(self._parameters, MEMORY_BYTES)
        maps = [bind_descriptor(descriptor) for descriptor in self._spec.descriptors]
        force_field = bind_force_field(self._spec, grids)
        return self._simulator.prepare(
            self._bound.atoms, self._bound.images, force_field, maps, frames=self._bound.frames
        )

    def seconds(self) -> float:
        """Make several batches, whose work overlaps, and return the mean time per sample, in seconds."""
        return seconds_per_batch(self._simulator, self.prepare, self._batches) / self._samples

    def device_seconds(self) -> float:
        """Return the mean time per sample of the device alone, for molecules that are on it already, in seconds."""
        prepared = self.prepare()
        return seconds_per_batch(self._simulator, lambda: prepared, self._batches) / self._samples


class NewFields:
    """Gives every batch new molecules, in place of a worker's store."""

    def __init__(self, device: kernels.Device, inputs: Inputs, repeats: int, *, with_density: bool) -> None:
        self._numbers = count()
        self._resident = kernels.ResidentSamples(device, GRID_BYTES)
        grids = [_grid(arrays, with_density=with_density) for arrays in inputs.molecules]
        self._grids = grids * repeats
        tip: kernels.Tip = kernels.MultipoleTip({"dz2": -0.1}, 0.71)
        if with_density:
            densities = tip_grids(inputs.tip, 8)
            if densities.charge is None or densities.density is None:
                raise ValueError("the tip has no densities")
            tip = kernels.GridTip(densities.any.lattice, densities.charge, densities.density.values)
        self._held = kernels.GridDevice(device, kernels.ResidentBatch(self._resident, []), [tip])

    def batch(self, structures: NDArray[np.int64], limit_bytes: int) -> kernels.GridDevice:
        """Return the tip with new molecules, as JobFields.batch does."""
        grids = [(next(self._numbers), self._grids[i]) for i in structures.tolist()]
        return self._held.with_samples(kernels.ResidentBatch(self._resident, grids))


def _grid(arrays: dict[str, NDArray[Any]], *, with_density: bool) -> kernels.SampleGrid:
    sample = sample_grids(arrays)
    if sample.potential is None or sample.density is None:
        raise ValueError("the molecule has no potential or no density")
    potential = sample.potential
    density = sample.density.values if with_density else None
    return kernels.SampleGrid(potential.lattice, potential.origin, potential.values, density)


def _structures(inputs: Inputs) -> Structures:
    """Return the molecules as a dataset has them."""
    numbers = [arrays["Z"].astype(np.int64) for arrays in inputs.molecules]
    return Structures(
        xyz=np.concatenate([arrays["xyz"].astype(np.float64) for arrays in inputs.molecules]),
        q=np.zeros(sum(map(len, numbers))),
        z=np.concatenate(numbers),
        offsets=np.cumsum([0, *map(len, numbers)]),
        names=np.array(MOLECULES),
        lattice=np.stack([arrays["lvec"][1:].astype(np.float64) for arrays in inputs.molecules]),
    )


def _f4(array: NDArray[Any]) -> NDArray[np.float32]:
    return np.ascontiguousarray(array, np.float32)


def main(
    folder: Annotated[Path, typer.Argument(help="The folder of samples and tip.")],
    runs: Annotated[int, typer.Option(min=1, help="Runs of each; the table shows medians.")] = 3,
    device: Annotated[str, typer.Option(help="'auto', or text of the platform or the name.")] = "auto",
    only: Annotated[str, typer.Option(help="Run only cases whose name contains this.")] = "",
) -> None:
    """Print a table."""
    logging.getLogger("ppafm").setLevel(logging.WARNING)
    opened = kernels.open_device(device)
    inputs = Inputs.read(folder)
    console = Console(width=110)
    console.print(f"{opened.info.name} ({opened.info.platform}, driver {opened.info.driver})")
    table = Table("force field", "peer", "kernels", "times faster", "device alone", title=f"A sample: median of {runs}")
    for case in CASES:
        if only not in case:
            continue
        peer, engine = PeerTrainer(opened, case, inputs), Engine(opened, case, inputs)
        turns: list[Callable[[], float]] = [peer.seconds, engine.seconds, engine.device_seconds]
        for turn in turns:
            turn()
        times = [[turn() for turn in turns] for _ in range(runs)]
        theirs, ours, alone = (statistics.median(column) for column in zip(*times, strict=True))
        milliseconds = [f"{1e3 * seconds:.4g} ms" for seconds in (theirs, ours, alone)]
        table.add_row(case, *milliseconds[:2], f"{theirs / ours:.0f}", milliseconds[2])
    console.print(table)


if __name__ == "__main__":
    typer.run(main)
