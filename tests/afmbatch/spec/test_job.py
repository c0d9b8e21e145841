import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import ValidationError

from afmbatch.sampling.plan import Plan
from afmbatch.spec.job import JobSpec
from tests.afmbatch.field_errors import field_error_of
from tests.afmbatch.specs import between, numbers, recipe_of, spec, specs, tips, vectors


def choice(*values):
    return {"kind": "choice", "values": values}


TOO_LONG = [  # 3 Å is the bond of the default tip
    ({"randomise": {"tilt": {"kind": "disk", "radius": 3}}}, "randomise.tilt", "3.0", "3 Å of 3 Å"),
    ({"randomise": {"tilt": choice((0, 0), (-1.8, 2.4))}}, "randomise.tilt", "3.0", "3 Å of 3 Å"),
    (
        {"randomise": {"tilt": {"kind": "uniform", "low": -2.2, "high": 0}}},
        "randomise.tilt",
        str(math.sqrt(2) * 2.2),
        "3.11127 Å of 3 Å",
    ),
    (
        {"randomise": {"tilt": {"kind": "normal", "sigma": 0.1, "low": -1, "high": 2.2}}},
        "randomise.tilt",
        str(math.sqrt(2) * 2.2),
        "3.11127 Å of 3 Å",
    ),
    (
        {"tips": [{}, {"tilt": [0, 1.5]}], "randomise": {"tilt": {"kind": "disk", "radius": 1.5}}},
        "randomise.tilt",
        "1.5",
        "3 Å of 3 Å",
    ),
    ({"tips": [{"tilt": [1, 0]}], "randomise": {"r0": choice(0, -2)}}, "randomise.r0", "-2.0", "1 Å of 1 Å"),
    ({"sweep": {"tilt": [(0, 0), (0, 3)]}}, "sweep.tilt", "3.0", "3 Å of 3 Å"),
    ({"sweep": {"tilt": [(0, 2)], "r0": [3, 2]}}, "sweep.tilt", "2.0", "2 Å of 2 Å"),
    ({"tips": [{"tilt": [0, 2]}], "sweep": {"r0": [3, 2]}}, "sweep.r0", "2.0", "2 Å of 2 Å"),
    (
        {"sweep": {"tip": [{}, {"tilt": [0, 2]}]}, "randomise": {"tilt": {"kind": "disk", "radius": 1}}},
        "randomise.tilt",
        "1.0",
        "3 Å of 3 Å",
    ),
    (
        {"randomise": {"tip": choice({}, {"tilt": [0, 2]}), "tilt": {"kind": "disk", "radius": 1}}},
        "randomise.tilt",
        "1.0",
        "3 Å of 3 Å",
    ),
    (
        {
            "tips": [{"tilt": [0, 0.5]}],
            "sweep": {"r0": [2]},
            "randomise": {"r0": choice(-0.5), "tilt": {"kind": "disk", "radius": 1}},
        },
        "randomise.tilt",
        "1.0",
        "1.5 Å of 1.5 Å",
    ),
]


def test_a_bond_that_could_be_shorter_than_0_is_refused():
    error = field_error_of(randomise={"r0": choice(-3.5), "tilt": {"kind": "disk", "radius": 1}})
    assert (error.field, error.value) == ("randomise.r0", "-3.5")
    assert error.reason == "a tip's bond could be -0.5 Å long"
    assert error.accepted == "bonds that stay longer than 0 Å"


@pytest.mark.parametrize(("changes", "field", "value", "lengths"), TOO_LONG)
def test_a_tilt_that_could_be_as_long_as_the_bond_is_refused(changes, field, value, lengths):
    error = field_error_of(**changes)
    assert (error.field, error.value) == (field, value)
    assert error.reason == f"a tip's tilt could be as long as its bond: {lengths}"
    assert error.accepted == "a longest tilt that is shorter than the shortest bond"


@pytest.mark.parametrize(
    "changes",
    [
        {"randomise": {"tilt": {"kind": "disk", "radius": 2.999}}},
        {"randomise": {"tilt": {"kind": "uniform", "low": -2.1, "high": 2.1}}},
        {"tips": [{"tilt": [1, 0]}], "randomise": {"r0": choice(0, -1.999)}},
        {"sweep": {"tilt": [(0, 0), (0, 2.999)]}},
        {"tips": [{"tilt": [0, 2]}], "sweep": {"r0": [3, 2.001]}},
        # A bond that only gets longer, and tips that are replaced:
        {"sweep": {"tilt": [(0, 3)]}, "randomise": {"r0": choice(0.001, 1)}},
        {"sweep": {"tip": [{"r0": 5}], "tilt": [(0, 4)]}},
        {"randomise": {"tip": choice({"r0": 5}), "tilt": {"kind": "disk", "radius": 4}}},
    ],
)
def test_a_tilt_that_stays_below_the_bond_is_accepted(changes):
    assert spec(**changes).tip_pool


@given(
    tip=tips,
    tilt=st.none() | vectors(2.5),
    r0=st.none() | numbers(-2.0, 1.0),
    swept=st.fixed_dictionaries(
        {},
        optional={
            "tilt": st.lists(st.tuples(between(-2.5, 2.5), between(-2.5, 2.5)), min_size=1, max_size=3),
            "r0": st.lists(between(0.5, 4.0), min_size=1, max_size=3),
        },
    ),
)
def test_no_accepted_spec_samples_a_tilt_as_long_as_the_bond(tip, tilt, r0, swept):
    try:
        accepted = spec(tips=[tip], randomise={"tilt": tilt, "r0": r0}, sweep=swept)
    except ValidationError:
        assume(False)
    plan = Plan(recipe_of(accepted, 20))
    made = plan.sample_parameters(plan.numbers(0))
    assert (made.tilt[..., 0] ** 2 + made.tilt[..., 1] ** 2 < made.r0**2).all()


@pytest.mark.parametrize("tilt", [(3.0, 0.0), (1.8, 2.4), (-4.0, 0.0)])
def test_a_tips_own_tilt_is_shorter_than_its_bond(tilt):
    error = field_error_of(tips=[{}, {"tilt": tilt}])
    assert (error.field, error.value) == ("tips[1].tilt", str(list(tilt)))
    assert error.reason == "the tilt is as long as the bond or longer"
    assert error.accepted == "a length below r0 = 3 Å"


@pytest.mark.parametrize(
    ("tip", "field", "value", "reason", "accepted"),
    [
        (
            {"charges": [1, 2]},
            "charge_z",
            "[0.1, 0.0, -0.1, 0.0]",
            "there must be one height for each charge",
            "a list of 2",
        ),
        (
            {"charges": [1] * 5},
            "charges",
            "[1, 1, 1, 1, 1]",
            "it has 5 items, which is too many",
            "a list of at most 4 items",
        ),
        *(
            (
                {"stiffness": k},
                "stiffness",
                str(k),
                "nothing holds the probe particle",
                "k_x > 0, k_y > 0 and k_z + k_r",
            )
            for k in ([0.0, 0.25, 0.0, 30.0], [0.25, 0.0, 0.0, 30.0], [0.25, 0.25, 0.0, 0.0])
        ),
        ({"element": 0}, "element", "0", "it is below 1", "an integer from 1"),
        ({"r0": 0}, "r0", "0", "it is not above 0", "above 0"),
    ],
)
def test_a_tip_that_makes_no_sense_is_refused_wherever_it_is(tip, field, value, reason, accepted):
    places = {
        "tips[0]": {"tips": [tip]},
        "sweep.tip[0]": {"sweep": {"tip": [tip]}},
        "randomise.tip.values[0]": {"randomise": {"tip": {"kind": "choice", "values": [tip]}}},
    }
    for place, changes in places.items():
        error = field_error_of(**changes)
        assert (error.field, error.value) == (f"{place}.{field}", value)
        assert reason in error.reason
        assert accepted in error.accepted


@pytest.mark.parametrize(
    ("scan", "field", "value", "reason", "accepted"),
    [
        (
            {"window": [[2, 2, 5], [2, 18, 7]]},
            "window",
            "[[2.0, 2.0, 5.0], [2.0, 18.0, 7.0]]",
            "the window is empty along x",
            "x1 greater than x0 = 2",
        ),
        (
            {"window": [[2, 2, 5], [18, 18, 4]]},
            "window",
            "[[2.0, 2.0, 5.0], [18.0, 18.0, 4.0]]",
            "the window is empty along z",
            "z1 greater than z0 = 5",
        ),
        (
            {"df_steps": 20},
            "df_steps",
            "20",
            "the oscillation needs 20 heights, the scan has 19",
            "an integer from 1 to dim[2] = 19",
        ),
        ({"dim": [128, 1, 19]}, "dim[1]", "1", "it is below 2", "an integer from 2 to 4096"),
    ],
)
def test_a_scan_that_makes_no_sense_is_refused(scan, field, value, reason, accepted):
    error = field_error_of(scan=scan)
    assert (error.field, error.value) == (f"scan.{field}", value)
    assert (error.reason, error.accepted) == (reason, accepted)


@given(heights=st.integers(2, 60), df_steps=st.integers(1, 60))
def test_slices_are_those_of_the_scans_own_amplitude(heights, df_steps):
    """The number of slices is nz − n + 1 with n = max(df_steps, 2) (physics.md §4), also if df_steps is randomised."""
    assume(df_steps <= heights)
    made = spec(
        scan={"dim": [16, 16, heights], "df_steps": df_steps},
        randomise={"df_steps": {"kind": "integers", "low": 1, "high": 100}},
    )
    assert made.scan.n_out == heights - max(df_steps, 2) + 1


FLAT = [
    [[1, 0, 0], [0, 1, 0], [0, 0, 0]],
    [[1, 0, 0], [2, 0, 0], [0, 0, 1]],
    [[0.1, 0.2, 0.3], [0.4, 0.5, 0.6], [0.7, 0.8, 0.9]],  # flat, though its determinant is no zero in float64
    [[1e-3, 0, 0], [0, 1e-3, 0], [1e-3, 1e-3, 1e-10]],
]


@pytest.mark.parametrize("lattice", FLAT)
def test_a_lattice_without_volume_is_refused(lattice):
    error = field_error_of(periodic={"lattice": lattice})
    assert error.field == "periodic.lattice"
    assert error.value == str([[float(x) for x in vector] for vector in lattice])
    assert error.reason == "the vectors span no volume"
    assert error.accepted == "three independent vectors"


@pytest.mark.parametrize(
    ("lattice", "npbc"),
    [([[1e-3, 0, 0], [0, 1e-3, 0], [0, 0, 1e-3]], [20, 20, 20]), ([[5, 0, 0], [5, 0.2, 0], [0, 0, 9]], [1, 1, 0])],
)
def test_a_lattice_with_overlapping_images_is_refused(lattice, npbc):
    error = field_error_of(periodic={"lattice": lattice, "npbc": npbc})
    assert error.field == "periodic.lattice"
    assert error.reason == "images of an atom are on top of each other"
    assert error.accepted == "vectors that keep images 0.3 Å apart"
    assert spec(periodic={"lattice": lattice, "npbc": [0, 0, 1]} if lattice[2][2] > 1 else None)


@pytest.mark.parametrize(
    "lattice", [None, [[10, 0, 0], [5, 8.66, 0], [0, 0, 30]], [[0, 1, 0], [1, 0, 0], [0.9, 0, 0.01]]]
)
def test_a_lattice_may_be_skew_and_left_handed(lattice):
    assert spec(periodic={"lattice": lattice}).periodic.npbc == (1, 1, 0)


@given(job=specs())
def test_a_spec_survives_json_with_its_digest(job):
    again = JobSpec.model_validate_json(job.model_dump_json())
    assert again == job
    assert again.digest == job.digest


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"epochs": 0}, "epochs"),
        ({"epochs": 1_000_001}, "epochs"),
        ({"seed": -1}, "seed"),
        ({"seed": 2**53}, "seed"),
        ({"batch_size": 0}, "batch_size"),
        ({"samples": 0}, "samples"),
        ({"tips": []}, "tips"),
        ({"distance": float("nan")}, "distance"),
        ({"ignored_elements": [0]}, "ignored_elements[0]"),
        ({"periodic": {"npbc": [1, 1, 21]}}, "periodic.npbc[2]"),
        ({"force_field": {"charges": "none", "kind": "lj"}}, "force_field.kind"),
        ({"dataset": "d" * 101}, "dataset"),
        ({"randomize": {}}, "randomize"),
        ({"force_field": {"charges": "none"}}, "force_field.kind"),
        ({"delivery": {}}, "delivery.kind"),
        ({"noise": [{"radius": 0.1}]}, "noise[0].kind"),
    ],
)
def test_fields_out_of_bounds_and_unknown_ones_are_refused(changes, field):
    assert field_error_of(**changes).field == field
