import pytest

from tests.afmbatch.field_errors import field_error_of
from tests.afmbatch.specs import spec


@pytest.mark.parametrize(
    ("name", "distribution"),
    [
        ("offset", {"kind": "disk", "radius": 1}),
        ("in_plane_rotation", {"kind": "uniform", "low": 0, "high": 360}),
        ("mirror", {"kind": "chance"}),
    ],
)
def test_a_molecule_has_one_place_under_all_tips(name, distribution):
    error = field_error_of(randomise={name: distribution | {"scope": "tip"}})
    assert error.field == f"randomise.{name}.scope"
    assert error.value == "tip"
    assert error.reason == "all tips image the molecule in the same place"
    assert error.accepted == "'batch' or 'sample'"
    for scope in ("batch", "sample"):
        assert getattr(spec(randomise={name: distribution | {"scope": scope}}).randomise, name).scope == scope


@pytest.mark.parametrize(
    ("name", "minimum", "maximum", "accepted"),
    [
        ("lateral_stiffness", 0.001, 10_000, "values from 0.001 to 10000"),
        ("radial_stiffness", 0.001, 10_000, "values from 0.001 to 10000"),
        ("lj_radius", 0.1, 10, "values from 0.1 to 10"),
        ("lj_epsilon", 0, 100, "values from 0 to 100"),
    ],
)
def test_a_distribution_beyond_the_bounds_is_refused(name, minimum, maximum, accepted):
    """Test each distribution, and that values up to the bounds are accepted."""
    small, large = minimum - 1e-4, min(maximum * 1.001, 10_000)
    for low, high in [(small, 1.0), (1.0, large)]:
        if high == maximum:  # no number may be larger
            continue
        for distribution in (
            {"kind": "uniform", "low": low, "high": high},
            {"kind": "normal", "sigma": 0.001, "mean": 1, "low": low, "high": high},
            {"kind": "choice", "values": [1, high, low]},
        ):
            error = field_error_of(randomise={name: distribution})
            assert error.field == f"randomise.{name}"
            assert error.value == f"[{float(low)}, {float(high)}]"
            assert error.reason == "the distribution can give values that are out of range"
            assert error.accepted == accepted
    accepted_distribution = {"kind": "uniform", "low": minimum, "high": maximum}
    assert getattr(spec(randomise={name: accepted_distribution}).randomise, name).bounds == (minimum, maximum)


def test_an_unknown_quantity_can_not_be_randomised():
    error = field_error_of(randomise={"distanse": {"kind": "uniform", "low": 0, "high": 1}})
    assert error.field == "randomise.distanse"
    assert "did you mean 'distance'" in error.reason


def test_by_default_nothing_is_randomised():
    assert set(spec().randomise.model_dump().values()) == {None}


def test_a_randomised_distance_stays_within_the_bounds_of_a_given_one():
    far = {"kind": "uniform", "low": -14.6, "high": 0.0}  # from 4.5 Å on
    error = field_error_of(randomise={"distance": far})
    assert (error.field, error.accepted) == ("randomise.distance", "values from -14.5 to 95.5")
    assert spec(randomise={"distance": far | {"low": -14.5, "high": 95.5}})
    swept = {"sweep": {"distance": [0.0, 9.0]}, "randomise": {"distance": far | {"low": -10.0, "high": 92.0}}}
    assert field_error_of(**swept).accepted == "values from -10 to 91"
