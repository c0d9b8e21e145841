from hypothesis import given
from hypothesis import strategies as st

from service.contract.batch import file_bytes
from service.contract.plan import Plan
from service.contract.recipe import Recipe
from service.contract.settings import GROUPS, Settings
from service.contract.spec import JobSpec
from service.limits import host_bytes, over_limits


@given(
    most=st.integers(1, 10**9),
    host=st.integers(GROUPS, 10**9),
    side=st.integers(2, 300),
    batch_size=st.integers(1, 2000),
    atoms=st.floats(1, 1000),
)
def test_a_batch_fits_its_file_limit_and_the_memory_of_a_worker(most, host, side, batch_size, atoms):
    """What is accepted in place of a batch that is too large is the largest that fits."""
    settings = Settings(max_batch_bytes=most, host_memory_bytes=host)

    def faults(size):
        spec = {"dataset": "ds-0", "batch_size": size, "scan": {"dim": (side, side, 19)}}
        plan = Plan(Recipe.of(JobSpec.model_validate(spec), 10**5))  # times 30
        fits = file_bytes(plan.spec, size) <= most and host_bytes(plan.spec, size, atoms) <= host // GROUPS
        return over_limits(plan, atoms, settings), fits

    found, fits = faults(batch_size)
    assert bool(found) == (not fits)
    if found and found[0].field == "batch_size":
        fitting = int(found[0].accepted.split()[2])
        assert not faults(fitting)[0]
        assert faults(fitting + 1)[0]
    elif found:
        assert found[0].field == "scan.dim"
        assert faults(1)[0]
