"""Grids of structures and tips on their way from the store to the device."""

import numpy as np
import pytest

import kernels
from afmbatch.errors import AfmbatchError, InvalidInput, NotFound
from afmbatch.grids.grid import Grid, Quantity
from afmbatch.grids.splines import spline_coefficients
from afmbatch.grids.stored import SampleGrids, TipGrids
from afmbatch.sampling.recipe import Recipe
from afmbatch.settings import Settings
from afmbatch.spec.job import JobSpec
from benchmarks.truth import Bench
from worker.engine.tip_cores import core_electrons

CELL = np.diag([8.0, 7.0, 9.0])
SHAPE = (16, 14, 18)
ATOMS = np.array([8, 6]), np.array([[4.0, 3.5, 2.0], [4.0, 3.5, 3.2]])


def grid(quantity, seed=0, shape=SHAPE, scale=0.05):
    values = np.random.default_rng(seed).uniform(0, scale, shape).astype(np.float32)
    return Grid(values, np.zeros(3), CELL, *ATOMS, quantity)


def sample(seed, *, density=True):
    return SampleGrids(
        potential=grid(Quantity.POTENTIAL, seed), density=grid(Quantity.ELECTRONS, seed + 50) if density else None
    )


def tip(*, density=True, difference=True, probe=8):
    return TipGrids(
        density=grid(Quantity.ELECTRONS, 100) if density else None,
        delta_density=grid(Quantity.ELECTRONS, 101) if difference else None,
        probe_element=probe,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("store")


@pytest.fixture(scope="module")
def bench(folder):
    bench = Bench(folder, "portable")
    bench.add_tip("tip-a", tip())
    bench.add_tip("tip-charge", tip(density=False))
    bench.add_tip("tip-density", tip(difference=False))
    bench.add_tip("tip-xe", tip(probe=54))
    bench.add_sample("ds-grids", *(sample(i) for i in range(5)))
    bench.add_sample("ds-potentials", *(sample(i, density=False) for i in range(2)))
    return bench


def recipe(dataset="ds-grids", structures=5, tip_id="tip-a", **changes):
    spec = {
        "dataset": dataset,
        "scan": {"window": [[0, 0, 0], [1, 1, 1.3]], "dim": [3, 3, 13], "df_steps": 8},
        "distance": 4.5,
        "force_field": {"kind": "fdbm"},
        "tips": [{"density": {"kind": "tip", "id": tip_id}}],
        "rotations": {"kind": "none"},
        "descriptors": [{"kind": "es_map_constant"}],
        "batch_size": 5,
        "shuffle": False,
    }
    return Recipe.of(JobSpec.model_validate(spec | changes), structures, 2 * structures)


def test_little_memory_changes_nothing(bench, folder, monkeypatch):
    """Structures that do not fit on the device together come one after the other."""
    [usual] = bench.make(recipe(), 0)
    largest = 2 * 4 * spline_coefficients(SHAPE, CELL)
    monkeypatch.setattr(Settings, "device_grid_bytes", property(lambda _: 2 * largest))  # of the five structures
    small = Bench(folder, "portable", device_memory_bytes=24 << 20)
    [batch] = small.make(recipe(), 0)
    assert batch["afm"].tobytes() == usual["afm"].tobytes()
    assert batch["desc"].tobytes() == usual["desc"].tobytes()


@pytest.mark.parametrize("step", [0.08, 0.129, 0.131, 0.5])
@pytest.mark.parametrize("shape", [(6, 7, 8), (24, 31, 17)])
def test_services_count_the_coefficients_that_workers_make(step, shape):
    lattice = np.diag(step * np.array(shape)) + np.diag([0.1, 0.2], 1) * step
    grid = kernels.SampleGrid(lattice, np.zeros(3), np.zeros(shape, np.float32))
    assert spline_coefficients(shape, lattice) == grid.coefficients


def test_structures_of_several_datasets_are_numbered_on(bench):
    extended = recipe("ds-potentials", 2, force_field={"kind": "lj_hartree"}).with_molecules("ds-grids", 5, 10)
    batches = bench.make(extended, 0, 1)
    assert np.concatenate([batch["structure"] for batch in batches]).tolist() == [0, 1, 2, 3, 4, 5, 6]
    [alone] = bench.make(recipe(force_field={"kind": "lj_hartree"}), 0)
    assert batches[1]["afm"][0].tobytes() == alone["afm"][0].tobytes()


@pytest.mark.parametrize(
    ("given", "error", "text"),
    [
        (recipe("ds-potentials", 2), InvalidInput, "dataset: structure 0 has no density"),
        (recipe(tip_id="tip-charge"), InvalidInput, "tips.0..density.id: the tip has no electron density"),
        (
            recipe(tip_id="tip-density", force_field={"kind": "lj_hartree"}),
            InvalidInput,
            "neither a difference density nor a charge density",
        ),
        (recipe(tip_id="tip-xe"), InvalidInput, "tips.0..element: the probe atom of tip-xe has the atomic number 54"),
        (recipe(tip_id="tip-gone"), NotFound, "Tip tip-gone does not exist"),
    ],
)
def test_what_is_missing_is_refused(bench, given, error, text):
    with pytest.raises(error, match=text):
        bench.make(given, 0)


def test_a_batch_with_too_large_grids_is_refused(bench, folder):
    small = Bench(folder, "portable", host_memory_bytes=500_000)
    with pytest.raises(AfmbatchError, match=r"batch_size: the grids of 4 of the batch's 5 structures need \d+ bytes"):
        small.make(recipe(), 0)


def test_a_density_is_cut_off(bench):
    [whole] = bench.make(recipe(), 0)
    high, low = ({"kind": "fdbm", "density_cutoff": cutoff} for cutoff in (1.0, 0.02))
    assert bench.make(recipe(force_field=high), 0)[0]["afm"].tobytes() == whole["afm"].tobytes()
    assert bench.make(recipe(force_field=low), 0)[0]["afm"].tobytes() != whole["afm"].tobytes()


def test_cores_hold_the_electrons_of_the_density():
    density = grid(Quantity.ELECTRONS, 3)
    cores = core_electrons(density, 0.7)
    assert float(cores.sum(dtype=float)) * density.voxel_volume == pytest.approx(density.integral())
    weights = np.array([6, 4]) / 10 * density.integral()
    for xyz, electrons in zip(ATOMS[1], weights, strict=True):
        index = np.stack(np.meshgrid(*map(np.arange, density.shape), indexing="ij"), axis=-1)
        near = np.linalg.norm(index / density.shape @ CELL - xyz, axis=-1) < 0.6
        assert cores[near].sum() * density.voxel_volume == pytest.approx(electrons, rel=0.1)


def test_cores_reach_across_the_edge_of_the_cell():
    middle = grid(Quantity.ELECTRONS, 3)
    moved = Grid(
        middle.values, middle.origin, CELL, middle.z, middle.xyz + np.array([4.0, 3.5, 0.0]), Quantity.ELECTRONS
    )
    there = np.roll(core_electrons(moved, 0.8), (8, 7), axis=(0, 1))
    assert there == pytest.approx(core_electrons(middle, 0.8), abs=1e-5)
