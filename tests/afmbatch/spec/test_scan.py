import pytest

from tests.afmbatch.field_errors import field_error_of
from tests.afmbatch.specs import spec


def test_an_image_has_the_pixels_of_the_crop():
    assert spec().image_dim == (128, 128)
    assert spec(scan={"crop": [100, 96]}).image_dim == (100, 96)


@pytest.mark.parametrize("crop", [[129, 128], [128, 129], [200, 200]])
def test_a_crop_larger_than_the_scan_is_refused(crop):
    error = field_error_of(scan={"crop": crop})
    assert (error.field, error.value) == ("scan.crop", str(crop))
    assert error.reason == "the crop is larger than the scan"
    assert error.accepted == "at most [128, 128]"


@pytest.mark.parametrize(("amplitude", "steps"), [(0.2, 2), (0.8, 8), (1.0, 10), (1.9, 19)])
def test_an_amplitude_makes_steps(amplitude, steps):
    given = spec(scan={"amplitude": amplitude})
    assert given.scan.df_steps == steps
    assert given.scan.n_out == 20 - steps
    assert type(given).model_validate(given.model_dump()) == given  # what is echoed can be posted again


@pytest.mark.parametrize("amplitude", [0.1, 0.25, 1e-3])
def test_an_amplitude_between_two_steps_is_refused(amplitude):
    error = field_error_of(scan={"amplitude": amplitude})
    assert (error.field, error.value) == ("scan.amplitude", str(amplitude))
    assert error.reason == f"the amplitude is {amplitude / 0.1:g} vertical steps"
    assert error.accepted == "a multiple of the vertical step 0.1 Å, at least two steps"


def test_an_amplitude_beyond_the_scan_is_refused():
    error = field_error_of(scan={"amplitude": 2.0})
    assert (error.field, error.value) == ("scan.df_steps", "20")


def test_an_amplitude_and_other_steps_are_refused():
    error = field_error_of(scan={"amplitude": 0.8, "df_steps": 10})
    assert (error.field, error.value, error.accepted) == ("scan.df_steps", "10", "8, or no amplitude")
