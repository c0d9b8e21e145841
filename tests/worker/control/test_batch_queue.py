"""Groups of batches are as large as suits the device and fit into the engine's memory."""

import numpy as np
import pytest

from afmbatch.errors import AfmbatchError
from afmbatch.sampling.plan import Plan
from afmbatch.sampling.recipe import Recipe
from afmbatch.settings import Settings
from afmbatch.spec.job import JobSpec
from afmbatch.storage.object_store import ObjectStore, dataset_key
from afmbatch.structures.structures import Structures
from worker.control.batch_queue import BatchQueue
from worker.control.shard import Shard
from worker.engine.batch_maker import open_batch_maker
from worker.messages import MakeBatches

ATOMS = 300
STRUCTURES = 20
SPEC = JobSpec.model_validate(
    {
        "dataset": "ds-1",
        "scan": {"window": [[0, 0, 5], [10, 8, 6.9]], "dim": [13, 9, 19]},
        "rotations": {"kind": "none"},
        "batch_size": 2,
    }
)
RECIPE = Recipe.of(SPEC, STRUCTURES, STRUCTURES * ATOMS)


def shard(job_id="job-1", **changes):
    plan = Plan(RECIPE)
    batches = set(range(plan.batches))
    arguments = {"one_by_one": False, "batches_left": batches} | changes
    return Shard(job_id, 0, plan, RECIPE.model_dump_json(), lambda: True, **arguments)


def groups(queue, samples):
    found = []
    while queue.first is not None:
        found.append([batch for _, batch in queue.pop_group(samples)])
    return found


def test_a_group_has_the_samples_that_suit_the_device():
    queue = BatchQueue(10**9)
    queue.append(shard(), range(10))
    assert queue.has_samples(20)
    assert not queue.has_samples(21)
    assert groups(queue, 5) == [[0, 1, 2], [3, 4, 5], [6, 7, 8], [9]]


def test_a_group_is_of_one_job():
    queue = BatchQueue(10**9)
    queue.append(shard("job-1"), [8, 9])
    queue.append(shard("job-1"), [0])
    queue.append(shard("job-2"), [1, 2])
    assert groups(queue, 100) == [[8, 9, 0], [1, 2]]


def test_a_batch_over_which_an_engine_was_lost_is_alone():
    lost = shard()
    lost.attempts[4] = 1
    queue = BatchQueue(10**9)
    queue.append(lost, range(3, 8))
    assert groups(queue, 100) == [[3], [4], [5, 6, 7]]
    queue.append(shard(one_by_one=True), [1, 2])
    assert groups(queue, 100) == [[1], [2]]


def test_a_shard_is_removed_and_batches_are_put_first():
    one, two = shard(), shard()
    queue = BatchQueue(10**9)
    queue.append(one, [1, 2])
    queue.append(two, [3])
    queue.append(one, [4])
    assert queue.remove(one) == {1, 2, 4}
    queue.prepend([(one, 7), (one, 8)])
    assert [queue.pop() for _ in range(3)] == [(one, 7), (one, 8), (two, 3)]


def test_a_group_of_many_atoms_is_not_refused(tmp_path):
    """The parent estimates the memory of a group as the engine does; one more batch would be refused."""
    rng = np.random.default_rng(1)
    structures = Structures(
        xyz=rng.uniform(0, 100, (STRUCTURES * ATOMS, 3)),
        q=np.zeros(STRUCTURES * ATOMS),
        z=np.full(STRUCTURES * ATOMS, 6),
        offsets=np.arange(STRUCTURES + 1) * ATOMS,
        names=np.array([f"s{i}" for i in range(STRUCTURES)]),
    )
    settings = Settings(store_url=tmp_path.as_uri(), host_memory_bytes=4 * 450_000)
    ObjectStore(settings.store_url).put(dataset_key("ds-1"), structures.to_bytes())
    maker = open_batch_maker(settings)
    queue = BatchQueue(settings.group_bytes)
    queue.append(shard(), range(10))
    found = groups(queue, 480)
    assert found == [[0, 1], [2, 3], [4, 5], [6, 7], [8, 9]]
    for group in found:
        maker.prepare(MakeBatches("job-1", RECIPE.model_dump_json(), group))
    with pytest.raises(AfmbatchError, match="batch_size: a batch needs"):
        maker.prepare(MakeBatches("job-1", RECIPE.model_dump_json(), [0, 1, 2]))
