"""The cases of the benchmark: both engines get the same samples, of the molecules that the names say."""

import numpy as np
import pytest

from benchmarks.cases import Case, cases, samples


@pytest.fixture(scope="module", params=cases(), ids=lambda case: case.name)
def case(request: pytest.FixtureRequest) -> Case:
    return request.param


def test_samples_are_those_of_the_batch(case):
    bound = case.batch(5, 1)
    parts = samples(bound)
    assert np.array_equal(np.concatenate([s.xyz for s in parts]), bound.atoms.xyz)
    assert np.array_equal(np.concatenate([s.charge for s in parts]), bound.atoms.charge)
    assert np.array_equal(np.concatenate([s.number for s in parts]), bound.number)
    assert np.array_equal(np.concatenate([s.window for s in parts]), bound.images.window)
    assert np.array_equal(np.concatenate([s.tilt for s in parts]), bound.images.tilt)
    assert np.allclose(bound.window[:, -1], case.spec.scan.window)  # molecules are placed for the last tip


def test_a_sample_is_the_same_in_batches_of_any_size(case):
    single = [samples(case.batch(1, i))[0] for i in range(4)]
    for alone, in_batch in zip(single, samples(case.batch(4)), strict=True):
        assert np.array_equal(alone.xyz, in_batch.xyz)
        assert np.array_equal(alone.tilt, in_batch.tilt)


def test_molecules(case):
    sizes = np.diff(case.structures.offsets)
    expected = {"60 atoms": [60], "200 atoms": [200]}.get(case.name)
    assert len(sizes) == 28 if expected is None else sizes.tolist() == expected
    assert not len(case.structures.uncharged)
    assert np.allclose(np.add.reduceat(case.structures.q, case.structures.offsets[:-1]), 0, atol=1e-3)
