"""Measures these kernels and the peer, from host arrays to host arrays: `python -m benchmarks.kernels`.

Both make the images and descriptors of the same samples in the same run on the same device, in turn. One table shows,
for each case, the time per sample of the peer and of these kernels in batches of 120 and of 20 (medians of several
runs), and the rate of imaging. The other table shows the errors of both against float64 on the reference cases.
"""

import statistics
import time
from collections.abc import Callable
from importlib.metadata import version
from itertools import chain
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

import kernels
from afmbatch.spec.job import JobSpec
from benchmarks import roofline
from benchmarks.accuracy import Accuracy, references
from benchmarks.cases import Case, cases, samples
from benchmarks.overlapped import seconds_per_batch
from benchmarks.peer import Peer
from kernels import Atoms, Device, Images, Result, Simulator
from kernels.simulator import Prepared
from worker.engine.binding import BoundBatch, bind_descriptor, bind_force_field

SIZES = (120, 20)  # samples of a batch
BATCHES = {"gpu": 16, "cpu": 3}  # batches of a run, whose work overlaps, by kind of device


def repeated(bound: BoundBatch, times: int) -> tuple[Atoms, Images]:
    """Return the atoms and images of a batch, repeated `times` times."""
    atoms, images, n = bound.atoms, bound.images, bound.atoms.molecules
    plain = [name for name in Atoms.__dataclass_fields__ if name not in ("offsets", "bonds", "number")]
    every = {name: np.concatenate([getattr(atoms, name)] * times) for name in plain}
    every["offsets"] = np.concatenate(([0], np.cumsum(np.tile(np.diff(atoms.offsets), times))))
    if atoms.bonds is not None:
        every["bonds"] = np.concatenate([atoms.bonds + len(atoms.xyz) * i for i in range(times)])
    fields = [name for name in Images.__dataclass_fields__ if name not in ("dim", "n_out", "molecule")]
    tiled = {name: np.concatenate([getattr(images, name)] * times) for name in fields}
    molecule = np.concatenate([images.molecule + n * i for i in range(times)])
    return Atoms(**every), Images(molecule=molecule, dim=images.dim, n_out=images.n_out, **tiled)


class Batches:
    """Runs batches of one size, whose work overlaps."""

    def __init__(self, simulator: Simulator, spec: JobSpec, bound: BoundBatch, size: int):
        self._simulator = simulator
        self._force_field = bind_force_field(spec)
        self._maps = [bind_descriptor(d) for d in spec.descriptors]
        self._atoms, self._images = repeated(bound, size // bound.atoms.molecules)
        self._size = size
        self._batches = BATCHES[simulator.device.info.kind]

    def prepare(self) -> Prepared:
        """Do the host's share of a batch."""
        return self._simulator.prepare(self._atoms, self._images, self._force_field, self._maps)

    def seconds(self) -> float:
        """Make several batches and return the mean time per sample, in seconds."""
        return seconds_per_batch(self._simulator, self.prepare, self._batches) / self._size


def compare(device: Device, case: Case, runs: int, taken: int, peak: float | None, table: Table) -> None:
    """Measure a case and add its row to the table.

    taken: number of different samples of the case; peak: the device's float32 peak, Gflop/s, None if unknown.
    """
    bound = case.batch(taken)
    peer, alone = Peer(device.context.devices[0], case.spec), samples(bound)
    simulator = Simulator(device)
    batches = {size: Batches(simulator, case.spec, bound, size) for size in SIZES}

    def peer_seconds() -> float:
        began = time.perf_counter()
        for sample in alone:
            peer.simulate(sample)
        return (time.perf_counter() - began) / len(alone)

    turns: list[Callable[[], float]] = [peer_seconds, *(engine.seconds for engine in batches.values())]
    for turn in turns:
        turn()
    times = [[turn() for turn in turns] for _ in range(runs)]
    peer_median, large, small = (statistics.median(column) for column in zip(*times, strict=True))
    prepared = batches[SIZES[0]].prepare()
    imaging = roofline.measure(device, prepared, len(prepared.arrays["force_atoms"]), runs)
    rate = imaging.operations / imaging.seconds / 1e9
    one_tip = len(case.spec.tips) == 1  # operations are counted for the CO tip
    table.add_row(
        case.name,
        f"{len(bound.atoms.xyz) / taken:.0f}",
        _short(peer_median),
        _short(large),
        _short(small),
        f"{peer_median / large:.0f}",
        _short(imaging.seconds / SIZES[0]),
        f"{imaging.steps:.1f}",
        f"{rate:,.0f}" + (f" ({rate / peak:.0%})" if peak else "") if one_tip else "",
    )


def accuracy(device: Device) -> Table:
    """Return the table of errors against float64."""
    columns = (
        "reference case",
        "peer RMS",
        "peer largest",
        "kernels' RMS",
        "kernels' largest",
        "peer maps",
        "kernels' maps",
    )
    table = Table(*columns, title="Errors of Δf, parts of the largest |Δf|; of height map and other maps, the largest")
    simulator = Simulator(device)
    for reference in references():
        bound, spec = reference.case.batch(1), reference.case.spec
        maps = [bind_descriptor(d) for d in spec.descriptors]
        result: Result = simulator.run(bound.atoms, bound.images, bind_force_field(spec), maps)
        peer = Peer(device.context.devices[0], spec).simulate(samples(bound)[0])
        errors = [reference.compare(*peer), reference.compare(result.df, result.descriptors[0])]
        table.add_row(
            reference.case.name,
            *chain.from_iterable((f"{e.rms:.1e}", f"{e.largest:.1e}") for e in errors),
            *(_maps(e) for e in errors),
        )
    return table


def _maps(error: Accuracy) -> str:
    others = max(value for name, value in error.descriptors.items() if name != "height_map")
    return f"{error.descriptors['height_map']:.0e} Å, {others:.0e}"


def _short(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1e3:.2f} ms" if seconds >= 1e-3 else (
        f"{seconds * 1e6:.1f} µs"
    )  # fmt: skip


def main(
    runs: Annotated[int, typer.Option(min=1, help="Runs of each; the tables show medians.")] = 5,
    taken: Annotated[int, typer.Option("--samples", help="Different samples of a case: a divisor of 20.")] = 4,
    device: Annotated[str, typer.Option(help="'auto', or text of the platform or the name.")] = "auto",
    peak: Annotated[float | None, typer.Option(help="The device's float32 peak, Gflop/s.")] = None,
    only: Annotated[str, typer.Option(help="Run only cases whose name contains this.")] = "",
) -> None:
    """Print both tables."""
    if any(size % taken for size in SIZES):
        raise typer.BadParameter(f"a divisor of {' and '.join(map(str, SIZES))}", param_hint="--samples")
    opened = kernels.open_device(device)
    console = Console(width=150)
    about = opened.info
    versions = ", ".join(f"{name} {version(name)}" for name in ("ppafm", "pyopencl", "numpy"))
    console.print(f"{about.name} ({about.platform}, driver {about.driver}); {versions}")
    console.print(accuracy(opened))
    columns = [f"kernels, {size}" for size in SIZES]
    table = Table(
        "case", "atoms", "peer", *columns, "times faster", "imaging alone", "Newton steps a pixel",
        "Gflop/s of imaging",
        title=f"A sample, from host arrays to host arrays: median of {runs} runs",
    )  # fmt: skip
    for case in cases():
        if only in case.name:
            compare(opened, case, runs, taken, peak, table)
    console.print(table)


if __name__ == "__main__":
    typer.run(main)
