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
