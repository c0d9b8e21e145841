import pytest

from tests.afmbatch.refusals import refused
from tests.afmbatch.specs import spec


@pytest.mark.parametrize(
    ("name", "draw"),
    [
        ("offset", {"kind": "disk", "radius": 1}),
        ("in_plane_rotation", {"kind": "uniform", "low": 0, "high": 360}),
        ("mirror", {"kind": "chance"}),
    ],
)
def test_a_molecule_has_one_place_under_all_tips(name, draw):
    fault = refused(randomise={name: draw | {"scope": "tip"}})
    assert fault.field == f"randomise.{name}.scope"
    assert fault.value == "tip"
    assert fault.reason == "all tips image the molecule in one place"
    assert fault.accepted == "'batch' or 'sample'"
    for scope in ("batch", "sample"):
        assert getattr(spec(randomise={name: draw | {"scope": scope}}).randomise, name).scope == scope


@pytest.mark.parametrize(
    ("name", "least", "most", "accepted"),
    [
        ("lateral_stiffness", 0.001, 10_000, "values from 0.001 to 10000"),
        ("radial_stiffness", 0.001, 10_000, "values from 0.001 to 10000"),
        ("lj_radius", 0.1, 10, "values from 0.1 to 10"),
        ("lj_epsilon", 0, 100, "values from 0 to 100"),
    ],
)
def test_what_could_be_drawn_out_of_range_is_refused(name, least, most, accepted):
    """Whatever the distribution; up to the bounds is accepted."""
    small, large = least - 1e-4, min(most * 1.001, 10_000)
    for low, high in [(small, 1.0), (1.0, large)]:
        if high == most:  # no number may be larger
            continue
        for draw in (
            {"kind": "uniform", "low": low, "high": high},
            {"kind": "normal", "sigma": 0.001, "mean": 1, "low": low, "high": high},
            {"kind": "choice", "values": [1, high, low]},
        ):
            fault = refused(randomise={name: draw})
            assert fault.field == f"randomise.{name}"
            assert fault.value == f"[{float(low)}, {float(high)}]"
            assert fault.reason == "it may be drawn out of range"
            assert fault.accepted == accepted
    accepted_draw = {"kind": "uniform", "low": least, "high": most}
    assert getattr(spec(randomise={name: accepted_draw}).randomise, name).bounds == (least, most)


def test_what_is_not_known_can_not_be_randomised():
    fault = refused(randomise={"distanse": {"kind": "uniform", "low": 0, "high": 1}})
    assert fault.field == "randomise.distanse"
    assert "did you mean 'distance'" in fault.reason


def test_nothing_is_randomised_that_was_not_asked_for():
    assert set(spec().randomise.model_dump().values()) == {None}


def test_a_drawn_distance_is_one_that_could_be_given():
    far = {"kind": "uniform", "low": -14.6, "high": 0.0}  # from 4.5 Å on
    fault = refused(randomise={"distance": far})
    assert (fault.field, fault.accepted) == ("randomise.distance", "values from -14.5 to 95.5")
    assert spec(randomise={"distance": far | {"low": -14.5, "high": 95.5}})
    swept = {"sweep": {"distance": [0.0, 9.0]}, "randomise": {"distance": far | {"low": -10.0, "high": 92.0}}}
    assert refused(**swept).accepted == "values from -10 to 91"
