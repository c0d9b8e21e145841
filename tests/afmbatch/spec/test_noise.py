import pytest

from afmbatch.spec.noise import Noise
from tests.afmbatch.refusals import refused
from tests.afmbatch.specs import spec

DRAW = {"kind": "uniform", "low": 0.0, "high": 0.1}


def test_by_default_images_stay_as_they_are():
    assert not spec().noise.alters
    assert not spec().noise.by_batch


@pytest.mark.parametrize(
    "noise",
    [{"drift": 0.1}, {"normalise": True}, {"gradient": DRAW}, {"white": {"amplitude": DRAW}}, {"cutouts": {}}],
)
def test_each_option_alters_images(noise):
    assert spec(noise=noise).noise.alters


def test_a_crop_alone_is_a_smaller_scan():
    cropped = spec(noise={"crop": [100, 96]})
    assert not cropped.noise.alters
    assert cropped.image_dim == (100, 96)
    assert spec().image_dim == (128, 128)


@pytest.mark.parametrize("scope", ["batch", "sample", "tip"])
def test_what_is_drawn_for_batches_is_known(scope):
    for noise in ({"gradient": DRAW | {"scope": scope}}, {"white": {"amplitude": DRAW | {"scope": scope}}}):
        assert Noise.model_validate(noise).by_batch == (scope == "batch")


@pytest.mark.parametrize("crop", [[129, 128], [128, 129], [200, 200]])
def test_a_crop_larger_than_the_scan_is_refused(crop):
    fault = refused(noise={"crop": crop})
    assert (fault.field, fault.value) == ("noise.crop", str(crop))
    assert fault.reason == "larger than the scan"
    assert fault.accepted == "at most [128, 128]"


@pytest.mark.parametrize(("low", "high"), [(-0.1, 0.1), (0.0, 101.0)])
def test_amplitudes_are_parts_of_a_range(low, high):
    draw = {"kind": "uniform", "low": low, "high": high}
    for noise, field in [
        ({"gradient": draw}, "noise.gradient"),
        ({"white": {"amplitude": draw}}, "noise.white.amplitude"),
    ]:
        fault = refused(noise=noise)
        assert (fault.field, fault.value) == (field, f"[{low}, {high}]")
        assert fault.reason == "it may be drawn out of range"
        assert fault.accepted == "values from 0 to 100"


def test_sides_of_cutouts_ascend():
    fault = refused(noise={"cutouts": {"side": [9, 8]}})
    assert (fault.field, fault.value) == ("noise.cutouts.side", "[9, 8]")
    assert fault.reason == "the longest is below the shortest"
    assert fault.accepted == "two integers in ascending order"


@pytest.mark.parametrize("drift", [0.0, -0.1, 11.0])
def test_a_drift_has_a_length(drift):
    assert refused(noise={"drift": drift}).field == "noise.drift"
