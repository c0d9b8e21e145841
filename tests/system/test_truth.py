"""Force fields from grids, from a spec and grids in a store to batch files, against converged float64 results.

tests/data/grid has the inputs and every eighth pixel of the results.
"""

import json
from pathlib import Path

import numpy as np
import pytest

from afmbatch.grids.grid import Grid, Quantity
from afmbatch.grids.stored import SampleGrids, TipGrids
from afmbatch.sampling.recipe import Recipe
from afmbatch.spec.job import JobSpec
from benchmarks.truth import Bench, Deviation, recipe_with, spec_of
from kernels.force_fields.grid.splines import padded, periodic_coefficients
from kernels.force_fields.grid.tips import sample_spline
from worker.engine.tip_cores import core_electrons

DATA = Path(__file__).parents[1] / "data" / "grid"
CASES = ["hcooh_hartree_rot", "hcooh_fdbm_d3", "hcooh_fdbm_d3_rot", "hcooh_fdbm_lj"]
TILTED = [[0.8, -0.6, 0.0], [0.6, 0.8, 0.0], [0.0, 0.0, 1.0]]
SMALL = {"window": [[0, 0, 0], [3.0, 3.2, 1.3]], "dim": [7, 9, 13], "df_steps": 8, "anchor": "bottom"}


def load(name):
    with np.load(DATA / f"{name}.npz") as file:
        return dict(file)


def sample():
    arrays = load("hcooh")

    def grid(name, quantity):
        lattice, origin, numbers, xyz = (arrays[key] for key in ("lattice", "origin", "numbers", "xyz"))
        return Grid(arrays[name].astype(np.float32), origin, lattice, numbers.astype(np.int64), xyz, quantity)

    return SampleGrids(potential=grid("potential", Quantity.POTENTIAL), density=grid("density", Quantity.ELECTRONS))


def co_tip(strength=1.0, *, difference=True):
    """Return the CO tip, its densities multiplied by a factor; with or without its difference density."""
    arrays = load("co_tip")

    def grid(name):
        values = (strength * arrays[name]).astype(np.float32)
        atoms = np.array([8, 6]), np.array([[0, 0, 0], [0, 0, 1.1417]])
        return Grid(values, np.zeros(3), arrays["lattice"], *atoms, Quantity.ELECTRONS)

    return TipGrids(density=grid("density"), delta_density=grid("excess") if difference else None, probe_element=8)


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    bench = Bench(tmp_path_factory.mktemp("store"), "portable")
    bench.add_tip("tip-co", co_tip())
    bench.add_tip("tip-weak", co_tip(0.7))
    bench.add_tip("tip-bare", co_tip(difference=False))
    return bench


@pytest.fixture(scope="module")
def hcooh(bench):
    """The recipe of a job on formic acid, without its spec."""
    return bench.add_sample("ds-hcooh", sample())


@pytest.fixture(scope="module")
def two(bench):
    """The recipe of a job on formic acid and on the same with all fields scaled."""
    first = sample()
    potential, density = first.potential, first.density
    scaled = SampleGrids(
        potential=Grid(0.5 * potential.values, potential.origin, potential.lattice, potential.z, potential.xyz,
                       Quantity.POTENTIAL),
        density=Grid(0.8 * density.values, density.origin, density.lattice, density.z, density.xyz,
                     Quantity.ELECTRONS),
    )  # fmt: skip
    return bench.add_sample("ds-two", first, scaled)


def with_spec(recipe, **spec):
    """Return the recipe of a small job with the force field fdbm, unless the spec says otherwise."""
    given = {
        "scan": SMALL,
        "distance": 2.5,
        "force_field": {"kind": "fdbm", "strength": 12.0, "exponent": 1.2},
        "tips": [{"density": {"kind": "tip", "id": "tip-co"}}],
        "descriptors": [],
        "rotations": {"kind": "list", "rotations": [np.eye(3).tolist(), TILTED]},
        "shuffle": False,
    }
    job = JobSpec.model_validate({"dataset": recipe.spec.dataset} | given | spec)
    return Recipe.of(job, recipe.structures, recipe.atoms)


@pytest.mark.parametrize("name", CASES)
def test_images(bench, hcooh, name):
    case = load(name)
    parameters = json.loads(str(case["params"]))
    recipe = recipe_with(hcooh, spec_of(parameters, "ds-hcooh", "tip-co"), case["rotation"])
    [batch] = bench.make(recipe, 0)
    assert batch["quality"].tolist() == [[0]]
    deviation = Deviation.of(batch["afm"][0, 0, ::8, ::8], case["df"])
    assert deviation.rms < 3e-4
    assert deviation.within >= 0.999
    assert deviation.pixels == 0
    atoms = case["atoms"] - case["scan_window"][0]
    assert batch["mols"][:, :3] - batch["scan_windows"][0, 0, 0] == pytest.approx(atoms, abs=1e-4)


def test_heights_are_those_of_the_tip_above_the_highest_atom(bench, hcooh):
    [batch] = bench.make(with_spec(hcooh), 0)
    upper, lower = batch["heights"][0, 0].T
    top, dz = batch["mols"][: batch["mol_offsets"][1], 2].max(), 0.1
    assert upper == pytest.approx(batch["scan_windows"][0, 0, 1, 2] - top - dz * np.arange(6), abs=1e-5)
    assert upper - lower == pytest.approx(np.full(6, 0.7), abs=1e-5)
    assert lower[-1] == pytest.approx(batch["scan_windows"][0, 0, 0, 2] + dz - top, abs=1e-5)


def test_each_of_several_tips_images_as_alone(bench, hcooh):
    tips = [{"density": {"kind": "tip", "id": name}} for name in ("tip-co", "tip-weak")]
    [both] = bench.make(with_spec(hcooh, tips=tips), 0)
    assert np.abs(both["afm"][:, 0] - both["afm"][:, 1]).max() > 0.1
    for t, tip in enumerate(tips):
        [alone] = bench.make(with_spec(hcooh, tips=[tip]), 0)
        assert both["afm"][:, t].tobytes() == alone["afm"][:, 0].tobytes()


RANDOMISED = {
    "pauli_strength": {"kind": "uniform", "low": 10, "high": 14},
    "pauli_exponent": {"kind": "choice", "values": [1.0, 1.2]},
    "df_steps": {"kind": "integers", "low": 4, "high": 9},
    "distance": {"kind": "uniform", "low": -0.1, "high": 0.1},
    "mirror": {"kind": "chance"},
}


@pytest.mark.parametrize("force_field", ["fdbm", "lj_hartree"])
def test_a_sample_alone_is_that_of_its_batch(bench, two, force_field):
    if force_field == "fdbm":
        recipe = with_spec(two, randomise=RANDOMISED, batch_size=4)
    else:
        others = {name: value for name, value in RANDOMISED.items() if not name.startswith("pauli")}
        recipe = with_spec(two, force_field={"kind": force_field}, tips=[{}], randomise=others, batch_size=4)
    [batch] = bench.make(recipe, 0)
    assert len(set(batch["df_steps"].ravel().tolist())) > 1
    for i, number in enumerate(batch["sample"].tolist()):
        [alone] = bench.make(recipe.of_samples(number), 0)
        for name in ("afm", "heights", "scan_windows", "rotation", "quality"):
            assert alone[name][0].tobytes() == batch[name][i].tobytes(), name


def test_strength_and_exponent_can_be_swept(bench, hcooh):
    sweep = {"pauli_strength": [8.0, 12.0], "pauli_exponent": [1.0, 1.2]}
    [swept] = bench.make(with_spec(hcooh, sweep=sweep, rotations={"kind": "none"}), 0)
    assert swept["pauli_strength"].ravel().tolist() == [8, 8, 12, 12]
    for i, (strength, exponent) in enumerate([(8.0, 1.0), (8.0, 1.2), (12.0, 1.0), (12.0, 1.2)]):
        force_field = {"kind": "fdbm", "strength": strength, "exponent": exponent}
        [given] = bench.make(with_spec(hcooh, force_field=force_field, rotations={"kind": "none"}), 0)
        assert swept["afm"][i].tobytes() == given["afm"][0].tobytes()


def test_a_mirrored_sample_has_a_mirrored_image(bench, hcooh):
    tip = [{"density": {"kind": "multipole", "moments": {"dz2": -0.1}}}]
    base = {"force_field": {"kind": "lj_hartree"}, "tips": tip}
    [straight] = bench.make(with_spec(hcooh, **base), 0)
    [mirrored] = bench.make(with_spec(hcooh, **base, randomise={"mirror": {"kind": "chance", "probability": 1}}), 0)
    scale = float(np.abs(straight["afm"]).max())
    assert mirrored["afm"] == pytest.approx(straight["afm"][:, :, ::-1], abs=1e-4 * scale)
    assert np.abs(mirrored["afm"] - straight["afm"]).max() > 0.05 * scale


def test_the_field_of_the_potential(bench, hcooh):
    [batch] = bench.make(with_spec(hcooh, descriptors=[{"kind": "es_map_constant"}]), 0)
    grid = sample().potential
    coefficients = padded(periodic_coefficients(grid.values), np.float64)
    for i, (begin, end) in enumerate(zip(batch["mol_offsets"], batch["mol_offsets"][1:], strict=False)):
        (x0, y0, _), (x1, y1, _) = batch["scan_windows"][i, 0].astype(float)
        x, y = np.meshgrid(np.linspace(x0, x1, 7), np.linspace(y0, y1, 9), indexing="ij")
        rotation, xyz = batch["rotation"][i].astype(float), batch["mols"][begin:end, :3].astype(float)

        def potential(z, x=x, y=y, rotation=rotation, xyz=xyz):
            points = np.stack((x, y, np.full_like(x, z)), axis=-1) - xyz.mean(axis=0)
            own = points @ rotation + grid.xyz.mean(axis=0) - grid.origin
            fractions = (own @ np.linalg.inv(grid.lattice)).reshape(-1, 3)
            return sample_spline(coefficients, grid.shape, fractions).reshape(7, 9)

        z, h = xyz[:, 2].max() + 4.0, 1e-3
        exact = (potential(z - h) - potential(z + h)) / (2 * h)
        assert batch["desc"][i, 0] == pytest.approx(exact, abs=2e-4 * np.abs(exact).max())


def test_the_field_of_the_potential_has_a_cutoff(bench, hcooh):
    whole, cut = {"kind": "es_map_constant"}, {"kind": "es_map_constant", "vdw_cutoff": -0.5, "r_pp": -0.5}
    [batch] = bench.make(with_spec(hcooh, descriptors=[whole, cut, {"kind": "vdw_spheres", "zmin": -0.5}]), 0)
    field, shown, spheres = batch["desc"].transpose(1, 0, 2, 3)
    covered = spheres > spheres.min()
    assert shown[covered].tobytes() == field[covered].tobytes()
    assert not shown[~covered].any()
    assert 0 < covered.sum() < covered.size


def test_without_charges_it_is_the_force_field_of_lennard_jones(bench, hcooh):
    spec = {
        "tips": [{"charges": [0.0], "charge_z": [0.0]}],
        "descriptors": [{"kind": "height_map"}],
        "randomise": {"lj_radius": {"kind": "uniform", "low": 0.95, "high": 1.05}},
    }
    [grid] = bench.make(with_spec(hcooh, **spec, force_field={"kind": "lj_hartree"}), 0)
    [plain] = bench.make(with_spec(hcooh, **spec, force_field={"kind": "lj_pc", "charges": "none"}), 0)
    assert grid["quality"].tolist() == plain["quality"].tolist() == [[0], [0]]
    assert grid["lj"].tobytes() == plain["lj"].tobytes()
    # Newton's method ends earlier in a force field that is itself only good to some 1e-4.
    assert grid["afm"] == pytest.approx(plain["afm"], abs=3e-4 * float(np.abs(plain["afm"]).max()))
    assert grid["desc"] == pytest.approx(plain["desc"], abs=1e-3)
    assert plain["desc"].max() > 0.5


def test_a_tip_without_a_difference_density_has_cores_instead(bench, hcooh):
    tip = co_tip()
    cores = core_electrons(tip.density, 0.7)
    excess = Grid(
        tip.density.values - cores, tip.density.origin, tip.density.lattice, tip.density.z, tip.density.xyz,
        Quantity.ELECTRONS,
    )  # fmt: skip
    bench.add_tip("tip-cores", TipGrids(density=tip.density, delta_density=excess, probe_element=8))
    images = [
        bench.make(with_spec(hcooh, tips=[{"density": {"kind": "tip", "id": name}}]), 0)[0]["afm"]
        for name in ("tip-bare", "tip-cores", "tip-co")
    ]
    assert images[0].tobytes() == images[1].tobytes() != images[2].tobytes()
