"""The comparison with the references: a perfect result has no error, a known error is found."""

import numpy as np
import pytest

from benchmarks.accuracy import Reference, references
from benchmarks.cases import samples


@pytest.fixture(params=references(), ids=lambda reference: reference.case.name)
def reference(request: pytest.FixtureRequest) -> Reference:
    return request.param


def exact(reference: Reference) -> tuple[np.ndarray, np.ndarray]:
    scan = reference.case.spec.scan
    df = np.zeros((1, *scan.dim[:2], scan.n_out))
    df[0, *reference.exact["pixels"].T] = reference.exact["df_exact"]
    return df, np.stack([reference.exact[f"{d.kind}_exact"] for d in reference.case.spec.descriptors])


def test_the_case_places_the_molecule_as_the_reference_did(reference):
    [sample] = samples(reference.case.batch(1))
    assert np.allclose(sample.xyz, reference.exact["xyz"], atol=1e-5)


def test_the_exact_result_has_no_error(reference):
    accuracy = reference.compare(*exact(reference))
    assert (accuracy.rms, accuracy.largest, accuracy.close) == (0, 0, 1)
    assert set(accuracy.descriptors.values()) == {0}


def test_an_error_in_one_pixel(reference):
    df, maps = exact(reference)
    x, y = reference.exact["pixels"][3]
    df[0, x, y, 2] += 0.02 * np.abs(reference.exact["df_exact"]).max()
    maps[1, 0, 0] += 0.5
    accuracy = reference.compare(df, maps)
    pixels, n_out = reference.exact["df_exact"].shape
    assert accuracy.largest == pytest.approx(0.02)
    assert accuracy.rms == pytest.approx(0.02 / np.sqrt(pixels * n_out))
    assert accuracy.close == 1 - 1 / pixels
    assert accuracy.descriptors["atomic_disks"] == pytest.approx(0.5)
    assert accuracy.descriptors["bonds"] == 0
