"""A batch in the kernels' terms against the same, one sample and one image at a time."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import kernels
from afmbatch.sampling.plan import Plan
from afmbatch.sampling.recipe import Recipe
from afmbatch.spec.job import JobSpec
from afmbatch.structures.elements import elements
from afmbatch.structures.structures import Structures
from worker.engine.binding import bind, bind_descriptor, bind_noise
from worker.engine.bond_cache import Bonding
from worker.engine.orientations import Orientations

RNG = np.random.default_rng(3)
OFFSETS = np.array([0, 3, 4, 11, 30])
STRUCTURES = Structures(
    xyz=RNG.normal(size=(30, 3)) * 3,
    q=RNG.normal(size=30) * 0.1,
    z=RNG.choice([1, 6, 7, 8, 35], 30),
    offsets=OFFSETS,
    names=np.array(["a", "b", "c", "d"]),
    lattice=RNG.normal(size=(4, 3, 3)) * 9,
)
SCAN = {"window": [[1, 2, 5], [11, 8, 6.5]], "dim": [21, 13, 15], "df_steps": 6}

scopes = st.sampled_from(["batch", "sample", "tip"])
for_sample = st.sampled_from(["batch", "sample"])


def uniform(low, high, scope=scopes):
    return st.fixed_dictionaries(
        {"kind": st.just("uniform"), "low": st.just(low), "high": st.just(high), "scope": scope}
    )


def disk(radius, scope=scopes):
    return st.fixed_dictionaries({"kind": st.just("disk"), "radius": st.just(radius), "scope": scope})


tips = st.lists(
    st.fixed_dictionaries(
        {
            "element": st.sampled_from([8, 54]),
            "tilt": st.tuples(st.floats(-0.5, 0.5), st.floats(-0.5, 0.5)),
            "r0": st.floats(2.0, 4.0),
            "stiffness": st.tuples(*[st.floats(0.1, 30.0)] * 4),
        },
        optional={"charges": st.just((0.3,)), "charge_z": st.just((-0.2,))},
    ).map(lambda tip: tip if len({"charges", "charge_z"} & tip.keys()) != 1 else {"element": 8}),
    min_size=1,
    max_size=3,
)
randomise = st.fixed_dictionaries(
    {},
    optional={
        "distance": uniform(-0.2, 0.2),
        "tilt": disk(0.3),
        "df_steps": st.just({"kind": "integers", "low": 1, "high": 9}),
        "sample_charges": uniform(0.5, 1.5),
        "lj_radius": uniform(0.9, 1.1),
        "lj_epsilon": uniform(0.8, 1.2),
        "offset": disk(1.0, for_sample),
        "in_plane_rotation": uniform(0, 360, for_sample),
        "mirror": st.just({"kind": "chance"}),
    },
)
rotations = st.sampled_from(
    [{"kind": "directions", "directions": 20, "best": 6}, {"kind": "uniform", "n": 6}, {"kind": "none"}]
)
specs = st.builds(
    lambda tips, charges, randomise, rotations, ignored, crop, seed: JobSpec.model_validate(
        {
            "dataset": "ds-1",
            "scan": SCAN | {"crop": crop},
            "tips": tips,
            "force_field": {"kind": "lj_pc", "charges": charges},
            "rotations": rotations,
            "randomise": randomise,
            "sweep": {"r0": [2.9, 3.1]},
            "ignored_elements": ignored,
            "batch_size": 7,
            "seed": seed,
        }
    ),
    tips=tips,
    charges=st.sampled_from(["dataset", "none"]),
    randomise=randomise,
    rotations=rotations,
    ignored=st.sampled_from([[], [79], [79, 47]]),
    crop=st.sampled_from([None, [8, 13]]),
    seed=st.integers(0, 99),
)


def plan_of(spec):
    return Plan(Recipe.of(spec, len(STRUCTURES), len(STRUCTURES.z)))


def bound_of(spec, numbers):
    draws = plan_of(spec).sample_parameters(numbers)
    return draws, bind(spec, STRUCTURES, Orientations(spec, STRUCTURES), Bonding(STRUCTURES), draws)


@given(spec=specs, batch=st.integers(0, 1))
def test_binds_as_one_at_a_time(spec, batch):
    table = elements()
    draws, bound = bound_of(spec, plan_of(spec).numbers(batch))
    atoms, images, tips = bound.atoms, bound.images, len(spec.tips)
    rotations = Orientations(spec, STRUCTURES).of(draws)
    assert (images.dim, images.n_out) == (spec.scan.crop or (21, 13), 10)
    assert len(images) == len(draws.sample) * tips
    pairs = iter(range(0 if bound.pairs is None else len(bound.pairs.charge)))
    for b, structure in enumerate(draws.structure):
        mine, posted = slice(*atoms.offsets[b : b + 2]), STRUCTURES.atoms(structure)
        z = STRUCTURES.z[posted]
        assert np.array_equal(bound.rotation[b], rotations[b])
        turned = np.array([rotations[b] @ p for p in STRUCTURES.xyz[posted]])
        shift = atoms.xyz[mine] - turned
        assert np.allclose(shift, shift[0], atol=1e-12)
        assert np.allclose(bound.lattice[b], [rotations[b] @ row for row in STRUCTURES.lattice[structure]])
        assert np.array_equal(bound.number[mine], z)
        assert np.array_equal(atoms.number[mine], z)
        assert bound.original[mine].all()
        charge = STRUCTURES.q[posted] if spec.force_field.charges == "dataset" else np.zeros(len(z))
        assert np.allclose(atoms.charge[mine], charge * draws.sample_charges[b, -1])
        for name in ("lj_radius", "lj_epsilon", "covalent_radius", "vdw_radius"):
            assert np.array_equal(getattr(atoms, name)[mine], getattr(table, name)[z])
        for t in range(tips):
            i, element = b * tips + t, draws.element[b, t]
            radius, depth = (np.ones(len(z)), np.ones(len(z)))
            own = [table.lj_radius[element], table.lj_epsilon[element]]
            if draws.lj_factors is not None:
                radius, depth = (factor[b, t, z] for factor in draws.lj_factors)
                own = [value * factor[b, t, element] for value, factor in zip(own, draws.lj_factors, strict=True)]
            radius, depth = radius * table.lj_radius[z], depth * table.lj_epsilon[z]
            if bound.pairs is not None:
                at = [next(pairs) for _ in z]
                assert np.allclose(bound.pairs.charge[at], charge * draws.sample_charges[b, t])
                assert np.allclose(bound.pairs.lj_radius[at], radius)
                assert np.allclose(bound.pairs.lj_epsilon[at], depth)
            else:
                assert np.array_equal(radius, table.lj_radius[z])
                assert (draws.sample_charges[b] == draws.sample_charges[b, 0]).all()
            if bound.lj is not None:
                assert np.allclose(bound.lj[mine, t], np.stack([radius, depth], axis=-1))
            assert np.allclose(bound.tip_lj[b, t], own)
            assert np.allclose([images.lj_radius[i], images.lj_epsilon[i]], own)
            assert images.molecule[i] == b
            assert images.df_steps[i] == draws.df_steps[b, t]
            assert np.array_equal(images.tilt[i], draws.tilt[b, t])
            assert images.r0[i] == draws.r0[b, t] == (2.9, 3.1)[draws.sweep[b]]
            assert np.array_equal(images.stiffness[i], draws.stiffness[b, t])
            assert np.array_equal(images.charges[i], draws.charges[b, t])
            assert np.array_equal(images.charge_z[i], draws.charge_z[b, t])
            _check_place(spec, draws, b, t, atoms.xyz[mine], radius, own[0], images.window[i])
            assert np.array_equal(images.window[i], bound.window[b, t])
    assert next(pairs, None) is None


def _check_place(spec, draws, b, t, xyz, radius, probe, window):
    """physics.md §1 and §5 for one image."""
    heights = 10 + max(draws.df_steps[b, t], 2) - 1
    assert window[1, 2] - window[0, 2] == pytest.approx(heights * 0.1)
    m = int(np.argmax(xyz[:, 2] + radius))
    top = xyz[:, 2].max()
    rule = draws.distance[b, t] + radius[m] + probe - (top - xyz[m, 2])
    assert window[1, 2] - top == pytest.approx(rule)
    # Pixels of the scan at 1 + 0.5·i and 2 + 0.5·j; the molecule's centre in the middle, but for its offset.
    nx, ny = spec.scan.crop or (21, 13)
    first = np.array([1.0, 2.0]) + 0.5 * draws.crop[b]
    assert np.allclose(window[:, :2], [first, first + 0.5 * np.array([nx - 1, ny - 1])])
    assert np.allclose(xyz[:, :2].mean(axis=0), np.array([6.0, 5.0]) + draws.offset[b])


@given(spec=specs)
def test_a_sample_is_bound_alone_as_among_others(spec):
    numbers = plan_of(spec).numbers(0)
    _, pipe = bound_of(spec, numbers)
    for b in range(len(numbers)):
        _, alone = bound_of(spec, numbers[b : b + 1])
        assert np.array_equal(alone.atoms.xyz, pipe.atoms.xyz[slice(*pipe.atoms.offsets[b : b + 2])])
        assert np.array_equal(alone.window[0], pipe.window[b])
        if pipe.lj is not None:
            assert np.array_equal(alone.lj, pipe.lj[slice(*pipe.atoms.offsets[b : b + 2])])


def test_mirrored_molecules_are_mirror_images():
    mirror = {"kind": "chance", "probability": 1.0}
    plain = {"dataset": "ds-1", "scan": SCAN, "rotations": {"kind": "uniform", "n": 2}}
    _, one = bound_of(JobSpec.model_validate(plain), np.arange(4))
    _, other = bound_of(JobSpec.model_validate(plain | {"randomise": {"mirror": mirror}}), np.arange(4))
    assert np.allclose(np.linalg.det(other.rotation), -1)
    middle = 6.0
    assert np.allclose(other.atoms.xyz[:, 0] - middle, middle - one.atoms.xyz[:, 0])
    assert np.allclose(other.atoms.xyz[:, 1:], one.atoms.xyz[:, 1:])


def test_periodic_images_are_imaged_and_not_listed():
    cubes = Structures(
        xyz=np.array([[0.0, 0, 0], [1, 0, 0]]),
        q=np.array([0.1, -0.1]),
        z=np.array([6, 8]),
        offsets=np.array([0, 2]),
        names=np.array(["cube"]),
        lattice=np.array([[[3.0, 0, 0], [0, 4, 0], [0, 0, 5]]]),
    )
    spec = JobSpec.model_validate(
        {"dataset": "ds-1", "scan": SCAN, "rotations": {"kind": "none"}, "periodic": {"npbc": [1, 0, 0]}}
    )
    draws = Plan(Recipe.of(spec, 1, 2)).sample_parameters(np.arange(1))
    repeated = cubes.repeated((1, 0, 0))
    bound = bind(spec, repeated, Orientations(spec, cubes), Bonding(repeated), draws)
    assert bound.original.tolist() == [True, True, False, False, False, False]
    assert np.allclose(bound.atoms.xyz[:2, :2].mean(axis=0), [6.0, 5.0])
    assert np.allclose(sorted(bound.atoms.xyz[:, 0] - bound.atoms.xyz[0, 0]), [-3, -2, 0, 1, 3, 4])
    assert bound.atoms.charge.tolist() == [0.1, -0.1] * 3


DESCRIPTORS = [
    {"kind": "vdw_spheres"},
    {"kind": "atomic_disks"},
    {"kind": "height_map"},
    {"kind": "es_map"},
    {"kind": "es_map_constant"},
    {"kind": "bonds"},
    {"kind": "atom_rfunc"},
    {"kind": "multimap_spheres"},
]


def test_every_descriptor_of_the_contract_has_a_kernel_of_the_same_defaults():
    spec = JobSpec.model_validate({"dataset": "ds-1", "descriptors": DESCRIPTORS})
    for asked in spec.descriptors:
        bound = bind_descriptor(asked)
        assert (bound.window, bound.dim) == (None, None)
        assert bound.descriptor == type(bound.descriptor)()
        assert asked.kind == bound.descriptor.NAME
        assert len(asked.channels) == bound.descriptor.channels


def test_descriptors_are_bound_with_what_was_asked():
    asked = [
        {"kind": "multimap_spheres_elements", "elements": [[1], [6, 7, 8]], "dim": [9, 8], "occlusion": True},
        {"kind": "bonds", "function": {"samples": [1, 0.25, 0], "step": 0.5}, "window": [[0, 1], [2, 4]]},
        {"kind": "multimap_spheres", "n_channels": 5},
    ]
    spec = JobSpec.model_validate({"dataset": "ds-1", "descriptors": asked})
    elements_, bonds, spheres = map(bind_descriptor, spec.descriptors)
    assert isinstance(elements_.descriptor, kernels.MultimapSpheresElements)
    assert (elements_.dim, elements_.descriptor.channels, elements_.descriptor.occlusion) == ((9, 8), 2, True)
    assert np.array_equal(bonds.window, [[0, 1], [2, 4]])
    assert np.array_equal(bonds.descriptor.radial.samples, [1, 0.25, 0])
    assert bonds.descriptor.radial.step == 0.5
    assert spheres.descriptor.channels == len(spec.descriptors[2].channels) == 5


@pytest.mark.parametrize(("kind", "found"), [("bonds", True), ("atom_rfunc", False)])
def test_bonds_are_looked_for_where_they_are_shown(kind, found):
    spec = JobSpec.model_validate({"dataset": "ds-1", "descriptors": [{"kind": kind}]})
    _, bound = bound_of(spec, np.arange(3))
    assert (bound.atoms.bonds is not None) == found


def test_noise_is_bound_image_by_image():
    white = {
        "kind": "white",
        "amplitude": {"kind": "uniform", "low": 0.1, "high": 0.2, "scope": "tip"},
        "distribution": "uniform",
    }
    spec = JobSpec.model_validate(
        {
            "dataset": "ds-1",
            "scan": SCAN,
            "tips": [{}, {}],
            "seed": 7,
            "noise": [{"kind": "drift", "radius": 0.1}, white],
        }
    )
    steps = plan_of(spec).sample_noise(np.array([5, 2]))
    noise = bind_noise(spec, steps)
    assert (noise.key, noise.distribution, noise.normalise) == (7, "uniform", False)
    assert noise.gradient is None
    assert noise.cutouts is None
    assert noise.drift.shape == (4, 10, 2)
    assert noise.amplitude.tolist() == steps[1]["amplitude"].reshape(4).tolist()
    assert noise.counter[:, 0].tolist() == [5, 5, 2, 2]
    assert noise.counter[:, 2].tolist() == [0, 1, 0, 1]
