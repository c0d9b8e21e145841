"""A batch in the kernels' terms against the same, one sample and one image at a time."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from service.contract.elements import elements
from service.contract.plan import Plan, Rotations
from service.contract.spec import JobSpec
from service.contract.structures import Structures
from worker.bind import bind
from worker.bonding import Bonding

RNG = np.random.default_rng(3)
OFFSETS = np.array([0, 3, 4, 11, 30])
STRUCTURES = Structures(
    xyz=RNG.normal(size=(30, 3)) * 3,
    q=RNG.normal(size=30) * 0.1,
    z=RNG.choice([1, 6, 7, 8, 35], 30),
    offsets=OFFSETS,
    names=np.array(["a", "b", "c", "d"]),
)
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
specs = st.builds(
    lambda tips, charges, seed: JobSpec.model_validate(
        {
            "dataset": "ds-1",
            "tips": tips,
            "force_field": {"charges": charges},
            "rotations": {"kind": "directions", "directions": 20, "best": 6},
            "randomise": {"distance": {"low": -0.2, "high": 0.2}, "tilt": {"radius": 0.3}},
            "batch_size": 7,
            "seed": seed,
        }
    ),
    tips=tips,
    charges=st.sampled_from(["dataset", "none"]),
    seed=st.integers(0, 99),
)


@given(spec=specs, batch=st.integers(0, 3))
def test_binds_as_one_at_a_time(spec, batch):
    plan, table = Plan(spec, len(STRUCTURES)), elements()
    draws, rotations = plan.draw(plan.numbers(batch)), Rotations(spec, STRUCTURES)
    bound = bind(spec, STRUCTURES, rotations, Bonding(STRUCTURES), draws)
    atoms, images = bound.atoms, bound.images
    assert (*images.dim, images.n_out) == (*spec.scan.dim[:2], spec.scan.n_out)
    assert (images.df_steps == spec.scan.df_steps).all()
    assert len(images) == len(draws.sample) * len(spec.tips)
    for b, (structure, rank) in enumerate(zip(draws.structure, draws.rank, strict=True)):
        mine, posted = slice(*atoms.offsets[b : b + 2]), STRUCTURES.atoms(structure)
        z = STRUCTURES.z[posted]
        rotation = rotations.of(np.array([structure]), np.array([rank]))[0]
        assert np.array_equal(bound.rotation[b], rotation)
        turned = np.array([[sum(row[k] * p[k] for k in range(3)) for row in rotation] for p in STRUCTURES.xyz[posted]])
        shift = atoms.xyz[mine] - turned
        assert np.allclose(shift, shift[0], atol=1e-12)
        assert np.array_equal(bound.number[mine], z)
        charged = spec.force_field.charges == "dataset"
        assert np.array_equal(atoms.charge[mine], STRUCTURES.q[posted] if charged else np.zeros(len(z)))
        for name in ("lj_radius", "lj_epsilon", "covalent_radius", "vdw_radius"):
            assert np.array_equal(getattr(atoms, name)[mine], getattr(table, name)[z])
        for t, tip in enumerate(spec.tips):
            i = b * len(spec.tips) + t
            assert images.molecule[i] == b
            assert np.array_equal(images.window[i], bound.window[b, t])
            assert np.array_equal(images.tilt[i], draws.tilt[b, t])
            assert images.r0[i] == tip.r0
            assert tuple(images.stiffness[i]) == tip.stiffness
            assert (images.lj_radius[i], images.lj_epsilon[i]) == (
                table.lj_radius[tip.element],
                table.lj_epsilon[tip.element],
            )
            rest = (0.0,) * (images.charges.shape[1] - len(tip.charges))
            assert tuple(images.charges[i]) == tip.charges + rest
            assert tuple(images.charge_z[i]) == tip.charge_z + rest


@given(spec=specs)
def test_a_sample_is_bound_alone_as_among_others(spec):
    plan = Plan(spec, len(STRUCTURES))
    numbers = plan.numbers(0)
    together = bind(spec, STRUCTURES, Rotations(spec, STRUCTURES), Bonding(STRUCTURES), plan.draw(numbers))
    for b in range(len(numbers)):
        alone = bind(spec, STRUCTURES, Rotations(spec, STRUCTURES), Bonding(STRUCTURES), plan.draw(numbers[b : b + 1]))
        assert np.array_equal(alone.atoms.xyz, together.atoms.xyz[slice(*together.atoms.offsets[b : b + 2])])
        assert np.array_equal(alone.window[0], together.window[b])
