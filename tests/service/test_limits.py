"""The limits of the server for a job."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from afmbatch.sampling.plan import Plan
from afmbatch.sampling.recipe import Recipe
from afmbatch.settings import GROUPS, Settings
from afmbatch.spec.job import JobSpec
from afmbatch.storage.batch_file import file_bytes
from service.admission.limits import exceeded_limits, host_bytes


@given(
    limit=st.integers(1, 10**9),
    host=st.integers(GROUPS, 10**9),
    side=st.integers(2, 300),
    batch_size=st.integers(1, 2000),
    atoms=st.floats(1, 1000),
)
def test_a_batch_fits_its_file_limit_and_the_memory_of_a_worker(limit, host, side, batch_size, atoms):
    """The batch size accepted instead of one that is too large is the largest that fits."""
    settings = Settings(max_batch_bytes=limit, host_memory_bytes=host)

    def errors(size):
        spec = {"dataset": "ds-0", "batch_size": size, "scan": {"dim": (side, side, 19)}}
        plan = Plan(Recipe.of(JobSpec.model_validate(spec), 10**5))  # each in 30 rotations
        fits = file_bytes(plan.spec, size) <= limit and host_bytes(plan.spec, size, atoms) <= host // GROUPS
        return exceeded_limits(plan, atoms, settings), fits

    found, fits = errors(batch_size)
    assert bool(found) == (not fits)
    if found and found[0].field == "batch_size":
        fitting = int(found[0].accepted.split()[2])
        assert not errors(fitting)[0]
        assert errors(fitting + 1)[0]
    elif found:
        assert found[0].field == "scan.dim"
        assert errors(1)[0]


def fields(atoms=20.0, structures=1000, **spec):
    plan = Plan(Recipe.of(JobSpec.model_validate({"dataset": "ds-0", "samples": 10, **spec}), structures))
    return [error.field for error in exceeded_limits(plan, atoms, Settings())]


def test_every_sample_can_be_numbered():
    """There are structures × 30 rotations × 10⁶ epochs × 300,000 combinations; numbers end at 2⁵³ − 1."""
    axis = [i / 1000 for i in range(1, 301)]
    sweep = {"distance": axis, "radial_stiffness": [30.0] * 1000}
    assert fields(structures=1000, epochs=10**6, sweep=sweep) == []
    assert fields(structures=1001, epochs=10**6, sweep=sweep) == ["epochs"]


def test_a_periodic_dataset_fits_into_a_worker():
    """The dataset has 20,000 atoms, and 50 million are allowed with their images: 2500 copies."""
    assert fields(periodic={"npbc": [20, 20, 0]}) == []  # 41² = 1681
    assert fields(periodic={"npbc": [20, 20, 1]}) == ["periodic.npbc"]


@pytest.mark.parametrize(
    ("changes", "field", "size"),
    [
        ({"descriptors": [{"kind": "vdw_spheres", "dim": (4096, 4096)}] * 5}, "descriptors", 5 * 4 * 4096**2),
        ({"scan": {"dim": (2000, 2000, 19)}, "noise": [{"kind": "normalise"}]}, "scan.dim", 2 * 4 * 10 * 2000**2),
        ({"scan": {"dim": (8, 4096, 2100)}}, "scan.dim", 4 * 4 * 2091 * 4096),
    ],
)
def test_what_a_device_must_hold_whole(changes, field, size):
    spec = JobSpec.model_validate({"dataset": "ds-0", "batch_size": 1, "descriptors": [], **changes})
    plan = Plan(Recipe.of(spec, 1))
    assert not exceeded_limits(plan, 30, Settings(device_memory_bytes=2 * size))
    (error,) = exceeded_limits(plan, 30, Settings(device_memory_bytes=2 * size - 1))
    assert error.field == field
    assert f"{size} bytes on a device" in error.reason
