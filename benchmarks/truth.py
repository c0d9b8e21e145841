"""Images of force fields from grids against converged float64 results: `python -m benchmarks.truth FOLDER`.

FOLDER has a folder `truth` of such results and the folders of the samples and of the tip that they were made of. Each
case is made as a worker makes it, from the grids in a store to the batch file.
"""

import argparse
import io
import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from afmbatch.grids.grid import Grid, Quantity
from afmbatch.grids.stored import (
    SampleGrids,
    TipGrids,
    encode_sample_grids,
    encode_tip_grids,
    sample_grids_key,
    tip_key,
)
from afmbatch.sampling.recipe import Recipe
from afmbatch.settings import Settings
from afmbatch.spec.job import JobSpec
from afmbatch.storage.object_store import ObjectStore, batch_key, dataset_key
from afmbatch.structures.structures import Structures
from worker.engine.batch_maker import BatchMaker, open_batch_maker
from worker.messages import MakeBatches

SAMPLES = {"hcooh_allelectron": "hcooh", "hcooh_valence": "hcooh", "benzene_valence": "benzene"}
DATASET, TIP = "ds-truth", "tip-truth"


class Bench:
    """A store with one sample and one tip at a time, and the batch maker that reads it."""

    def __init__(self, folder: Path, device: str = "auto", **settings: Any) -> None:
        """Open the store in a folder and the device, with these settings of a worker."""
        self.settings = Settings(store_url=folder.as_uri(), device=device, **settings)
        self.store = ObjectStore(self.settings.store_url)
        self.maker: BatchMaker = open_batch_maker(self.settings)

    def add_sample(self, name: str, *samples: SampleGrids) -> Recipe:
        """Store a dataset of these structures under its name."""
        atoms = [sample.any for sample in samples]
        structures = Structures(
            xyz=np.concatenate([grid.xyz for grid in atoms]),
            q=np.full(sum(len(grid.z) for grid in atoms), np.nan),
            z=np.concatenate([grid.z for grid in atoms]),
            offsets=np.cumsum([0, *(len(grid.z) for grid in atoms)]),
            names=np.array([f"{name}-{i}" for i in range(len(samples))]),
            lattice=np.stack([grid.lattice for grid in atoms]),
        )
        self.store.put(dataset_key(name), structures.to_bytes())
        for i, sample in enumerate(samples):
            self.store.put(sample_grids_key(name, i), b"".join(encode_sample_grids(sample)))
        return Recipe.of(JobSpec(dataset=name), len(structures), len(structures.z))

    def add_tip(self, name: str, tip: TipGrids) -> None:
        """Store a tip under its name."""
        self.store.put(tip_key(name), b"".join(encode_tip_grids(tip)))

    def make(self, recipe: Recipe, *batches: int, job: str = "job-truth") -> list[dict[str, NDArray[Any]]]:
        """Return the arrays of batches of a recipe, which are made in one group."""
        started = self.maker.start(self.maker.prepare(MakeBatches(job, recipe.model_dump_json(), batches)))
        made = [write() for write in self.maker.wait(started)]
        files = [self.store.get(batch_key(job, batch.batch, batch.sha256)) for batch in made]
        out = []
        for data in files:
            with np.load(io.BytesIO(data), allow_pickle=False) as file:
                out.append(dict(file))
        return out


@dataclass(frozen=True, slots=True)
class Deviation:
    """The deviation of an image from the truth, relative to the largest |Δf|."""

    rms: float
    largest: float
    #: Share of values within 3e-3.
    within: float
    #: Number of pixels with a value further off, among them those where the probe has two stable positions.
    pixels: int
    #: Root mean square over the other pixels.
    others_rms: float

    @classmethod
    def of(cls, image: NDArray[np.floating], truth: NDArray[np.floating]) -> Self:
        """Compare two images (nx, ny, slices) in Hz."""
        error = np.abs(image.astype(np.float64) - truth) / np.abs(truth).max()
        off = error > 3e-3
        others = error[~off.any(axis=-1)]
        return cls(
            float(np.sqrt(np.mean(error**2))),
            float(error.max()),
            float(1 - off.mean()),
            int(off.any(axis=-1).sum()),
            float(np.sqrt(np.mean(others**2))),
        )


def spec_of(parameters: Mapping[str, Any], dataset: str, tip: str) -> dict[str, Any]:
    """Return the spec of a case, without its rotation."""
    *tilt, r0 = parameters["tipR0"]
    density: dict[str, Any] = {"kind": "tip", "id": tip}
    force_field: dict[str, Any] = {"kind": "lj_hartree"}
    if parameters["sim"] == "fdbm":
        force_field = {
            "kind": "fdbm",
            "strength": parameters["A_pauli"],
            "exponent": parameters["B_pauli"],
            "van_der_waals": {"kind": "lj", "damping": parameters["lj_vdw_damp"]},
            "density_cutoff": parameters["density_cutoff"],
        }
        if parameters["vdw"] == "D3":
            force_field["van_der_waals"] = {"kind": "d3", "functional": parameters["d3_params"]}
    else:
        density = {"kind": "multipole", "moments": {"dz2": -0.1}, "sigma": 0.71}
    return {
        "dataset": dataset,
        "scan": {
            "window": parameters["scan_window0"],
            "dim": parameters["scan_dim"],
            "df_steps": parameters["df_steps"],
            "anchor": "bottom",
        },
        "distance": parameters["distAbove"],
        "tips": [
            {
                "element": parameters["iZPP"],
                "tilt": tilt,
                "r0": r0,
                "stiffness": parameters["tipStiffness"],
                "density": density,
            }
        ],
        "force_field": force_field,
        "descriptors": [],
    }


def recipe_with(recipe: Recipe, spec: Mapping[str, Any], rotation: NDArray[np.floating]) -> Recipe:
    """Return the recipe of a spec with this rotation, for the datasets of another recipe."""
    rotations = {"kind": "list", "rotations": [rotation.tolist()]}
    return Recipe(
        spec=JobSpec.model_validate({**spec, "rotations": rotations}), sources=recipe.sources, extents=recipe.extents
    )


def sample_grids(arrays: Mapping[str, NDArray[Any]]) -> SampleGrids:
    """Return the potential and the density of an npz file with rho, pot, lvec, Z and xyz."""
    return SampleGrids(
        potential=_grid(arrays, "pot", Quantity.POTENTIAL), density=_grid(arrays, "rho", Quantity.ELECTRONS)
    )


def tip_grids(arrays: Mapping[str, NDArray[Any]], probe: int) -> TipGrids:
    """Return the density and the difference density of an npz file with rho, rho_delta, lvec, Z and xyz."""
    return TipGrids(
        density=_grid(arrays, "rho", Quantity.ELECTRONS),
        delta_density=_grid(arrays, "rho_delta", Quantity.ELECTRONS),
        probe_element=probe,
    )


def _grid(arrays: Mapping[str, NDArray[Any]], name: str, quantity: Quantity) -> Grid:
    lvec = arrays["lvec"].astype(np.float64)
    values = np.ascontiguousarray(arrays[name], np.float32)
    return Grid(values, lvec[0], lvec[1:], arrays["Z"].astype(np.int64), arrays["xyz"].astype(np.float64), quantity)


def main() -> None:
    """Print the deviation of every case."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--cases", default="*")
    arguments = parser.parse_args()
    print("| case | RMS | largest | within 3e-3 | pixels off | RMS of the others |\n|---|---|---|---|---|---|")  # noqa: T201
    with tempfile.TemporaryDirectory() as directory:
        bench = Bench(Path(directory), arguments.device)
        with np.load(arguments.folder / "CO_tip" / "CO_tip_valence.npz") as file:
            bench.add_tip(TIP, tip_grids(dict(file), 8))
        stored: dict[str, Recipe] = {}
        for path in sorted((arguments.folder / "truth").glob(f"truth_{arguments.cases}.npz")):
            with np.load(path) as file:
                case = dict(file)
            parameters = json.loads(str(case["params"]))
            name = parameters["sample"]
            if name not in stored:
                with np.load(arguments.folder / SAMPLES[name] / f"{name}.npz") as file:
                    stored[name] = bench.add_sample(name, sample_grids(dict(file)))
            recipe = recipe_with(stored[name], spec_of(parameters, name, TIP), case["rot"])
            [batch] = bench.make(recipe, 0)
            d = Deviation.of(batch["afm"][0, 0], case["df"])
            row = f"{d.rms:.1e} | {d.largest:.1e} | {100 * d.within:.3f} % | {d.pixels} | {d.others_rms:.1e}"
            print(f"| {path.stem[6:]} | {row} |")  # noqa: T201


if __name__ == "__main__":
    main()
