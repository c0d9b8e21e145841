"""Provides hypothesis strategies for small specs and their recipes.

They cover every option of randomised and swept quantities and of epochs.
"""

from hypothesis import strategies as st

from afmbatch.sampling.recipe import Recipe
from afmbatch.spec.job import JobSpec

TURNS = [[[0, -1, 0], [1, 0, 0], [0, 0, 1]], [[0, 0, 1], [0, -1, 0], [1, 0, 0]]]
ALL_SCOPES = st.sampled_from(["batch", "sample", "tip"])
NO_TIP = st.sampled_from(["batch", "sample"])
REPLACED = (
    "tip",
    "df_steps",
    "lateral_stiffness",
    "radial_stiffness",
    "pauli_strength",
    "pauli_exponent",
)  # may be swept or randomised, not both


def spec(**changes):
    """Return the common job on ds-0 with these changes."""
    return JobSpec.model_validate({"dataset": "ds-0"} | changes)


def recipe_of(spec: JobSpec, structures: int) -> Recipe:
    """Return the recipe of a job on a dataset of `structures` structures of four atoms each."""
    return Recipe.of(spec, structures, 4 * structures)


def between(low, high):
    return st.floats(low, high, allow_subnormal=False)


def choices(values, scopes):
    """Return a strategy for choices between some of these values, with or without weights."""

    def weighted(some):
        weights = st.lists(st.sampled_from([0.0, 0.5, 3.0]), min_size=len(some), max_size=len(some)).filter(any)
        return st.fixed_dictionaries(
            {"kind": st.just("choice"), "values": st.just(some), "scope": scopes},
            optional={"weights": weights},
        )

    return st.lists(values, min_size=1, max_size=4).flatmap(weighted)


def numbers(low, high, scopes=ALL_SCOPES):
    """Return a strategy for distributions of numbers from low to high."""
    ends = st.tuples(between(low, high), between(low, high)).map(sorted)
    uniform = st.tuples(ends, scopes).map(
        lambda t: {"kind": "uniform", "low": t[0][0], "high": t[0][1], "scope": t[1]},
    )
    normal = st.tuples(ends, between(low, high), between(0.01, 2.0), scopes).map(
        lambda t: {"kind": "normal", "low": t[0][0], "high": t[0][1], "mean": t[1], "sigma": t[2], "scope": t[3]},
    )
    return uniform | normal | choices(between(low, high), scopes)


def vectors(reach, scopes=ALL_SCOPES):
    """Return a strategy for distributions of pairs whose components are between −reach and reach."""
    disk = st.tuples(between(0, reach), scopes).map(lambda t: {"kind": "disk", "radius": t[0], "scope": t[1]})
    pairs = choices(st.tuples(between(-reach, reach), between(-reach, reach)), scopes)
    components = numbers(-reach, reach, scopes).filter(lambda d: d["kind"] != "choice")
    return disk | pairs | components


df_steps = st.integers(1, 15)
integers = st.tuples(df_steps, df_steps, ALL_SCOPES).map(
    lambda t: {"kind": "integers", "low": min(t[:2]), "high": max(t[:2]), "scope": t[2]}
) | choices(df_steps, ALL_SCOPES)
tips = st.builds(
    lambda element, charges, tilt, r0, stiffness: {
        "element": element,
        "charges": [q for q, _ in charges],
        "charge_z": [z for _, z in charges],
        "tilt": tilt,
        "r0": r0,
        "stiffness": stiffness,
    },
    element=st.sampled_from([8, 17, 54]),
    charges=st.lists(st.tuples(between(-30, 30), between(-0.2, 0.2)), max_size=4),
    tilt=st.tuples(between(-0.4, 0.4), between(-0.4, 0.4)),
    r0=between(2.5, 4.0),
    stiffness=st.tuples(between(0.1, 1.0), between(0.1, 1.0), between(0.0, 1.0), between(1.0, 40.0)),
)
randomises = st.fixed_dictionaries(
    {},
    optional={
        "distance": numbers(-0.5, 0.5),
        "tilt": vectors(0.5),
        "df_steps": integers,
        "r0": numbers(-0.3, 0.3),
        "lateral_stiffness": numbers(0.1, 1.0),
        "radial_stiffness": numbers(1.0, 40.0),
        "tip_charges": numbers(-2.0, 2.0),
        "sample_charges": numbers(-2.0, 2.0),
        "lj_radius": numbers(0.8, 1.2),
        "lj_epsilon": numbers(0.5, 2.0),
        "tip": choices(tips, ALL_SCOPES),
        "offset": vectors(1.0, NO_TIP),
        "in_plane_rotation": numbers(-180.0, 360.0, NO_TIP),
        "mirror": st.fixed_dictionaries({"kind": st.just("chance"), "probability": between(0, 1), "scope": NO_TIP}),
    },
)
paulis = st.fixed_dictionaries({}, optional={"pauli_strength": numbers(1.0, 30.0), "pauli_exponent": numbers(0.9, 1.3)})
_axes = {
    "tip": tips,
    "distance": between(4, 6),
    "tilt": st.tuples(between(-0.4, 0.4), between(-0.4, 0.4)),
    "r0": between(2.5, 4.0),
    "lateral_stiffness": between(0.1, 1.0),
    "radial_stiffness": between(1.0, 40.0),
    "df_steps": df_steps,
    "tip_charges": between(-2, 2),
    "sample_charges": between(-2, 2),
}
_pauli_axes = {"pauli_strength": between(1, 30), "pauli_exponent": between(0.9, 1.3)}
_CHARGES = ("tip_charges", "sample_charges")  # not randomised with densities
rotations = st.sampled_from(
    [
        {"kind": "none"},
        {"kind": "uniform", "n": 2},
        {"kind": "directions", "directions": 9, "best": 3},
        {"kind": "list", "rotations": TURNS},
    ]
)


@st.composite
def sweeps(draw, randomise=(), axes=_axes):
    """Sweeps of up to two axes of one to three values, without quantities that a randomised value replaces."""
    free = sorted(axes.keys() - {name for name in REPLACED if name in randomise})
    chosen = draw(st.lists(st.sampled_from(free), max_size=2, unique=True))
    return {name: draw(st.lists(axes[name], min_size=1, max_size=3)) for name in chosen}


def with_density(tip):
    """Return a tip with an uploaded density."""
    return tip | {"density": {"kind": "tip", "id": f"tip-{tip['element']}"}}


@st.composite
def full_density_fields(draw):
    """Fields of specs with the force field fdbm: tips with densities; given, swept or random A and B."""
    randomise = {name: value for name, value in draw(randomises).items() if name not in _CHARGES} | draw(paulis)
    if "tip" in randomise:
        values = [with_density(tip) for tip in randomise["tip"]["values"]]
        randomise |= {"tip": randomise["tip"] | {"values": values}}
    sweep = draw(sweeps(randomise, {k: v for k, v in _axes.items() if k not in _CHARGES} | _pauli_axes))
    if "tip" in sweep:
        sweep |= {"tip": [with_density(tip) for tip in sweep["tip"]]}
    force_field = {"kind": "fdbm", "strength": draw(between(1, 30)), "exponent": draw(between(0.9, 1.3))}
    given_tips = [with_density(tip) for tip in draw(st.lists(tips, min_size=1, max_size=3))]
    return {
        "force_field": force_field,
        "descriptors": [],
        "randomise": randomise,
        "sweep": sweep,
        "tips": given_tips,
    }


@st.composite
def point_charge_fields(draw):
    """Fields of specs with the force field lj_pc: tips, and randomised and swept quantities."""
    randomise = draw(randomises)
    given_tips = draw(st.lists(tips, min_size=1, max_size=3))
    return {"randomise": randomise, "sweep": draw(sweeps(randomise)), "tips": given_tips}


@st.composite
def specs(draw):
    """Return specs with any randomised and swept quantities and one or two epochs."""
    return spec(
        **draw(point_charge_fields() | full_density_fields()),
        rotations=draw(rotations),
        scan=draw(st.sampled_from([{}, {"crop": [100, 128]}])),
        epochs=draw(st.integers(1, 2)),
        shuffle=draw(st.booleans()),
        seed=draw(st.integers(0, 2**53 - 1)),
        batch_size=draw(st.integers(1, 30)),
        samples=draw(st.none() | st.integers(1, 60)),
    )


extensions = st.lists(
    st.tuples(st.just("molecules"), st.integers(1, 3)) | st.tuples(st.just("epochs"), st.integers(1, 2)), max_size=3
)


def extended(recipe: Recipe, by) -> Recipe:
    """Return a recipe with these extensions, one after the other."""
    for i, (what, n) in enumerate(by):
        recipe = recipe.with_epochs(n) if what == "epochs" else recipe.with_molecules(f"ds-{i + 1}", n, 4 * n)
    return recipe


recipes = st.builds(lambda spec, n, by: extended(recipe_of(spec, n), by), specs(), st.integers(1, 3), extensions)

# Recipes without randomised quantities, for tests of numbers, batches and shards.
plain_recipes = st.builds(
    lambda structures, rotation, sweep, by, **rest: extended(
        recipe_of(spec(rotations=rotation, sweep=sweep, **rest), structures), by
    ),
    structures=st.integers(1, 40),
    rotation=rotations,
    sweep=sweeps(),
    epochs=st.integers(1, 4),
    shuffle=st.booleans(),
    seed=st.integers(0, 2**53 - 1),
    batch_size=st.integers(1, 60),
    samples=st.none() | st.integers(1, 3000),
    by=extensions,
)
