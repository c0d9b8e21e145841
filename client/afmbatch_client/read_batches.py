"""`read_batches` yields batches of a job in order. It acknowledges the batches of a stream as they are consumed."""

from collections import deque
from collections.abc import Iterator
from threading import Event
from typing import TYPE_CHECKING

from afmbatch_client.batch import Batch
from afmbatch_client.errors import Gone
from afmbatch_client.prefetcher import Prefetcher

if TYPE_CHECKING:
    from afmbatch_client.job import Job


def read_batches(job: "Job", consumed: int, first: int, step: int, prefetch: int, check: bool) -> Iterator[Batch]:
    """Yield batches first, first + step, … of a job, waiting for those that are not made yet.

    A batch counts as consumed when the next one is requested. Consumed batches of a stream are acknowledged. If a batch
    was dropped before this reader received it, it is made again. `consumed` is the number of batches that all readers
    together have consumed before. Raises JobFailed at the first batch that will never be made.
    """

    def fetch(number: int, stop: Event) -> Batch:
        return job.wait_for_batch(number, float("inf"), check, stop)

    def fetch_or_rewind(number: int, stop: Event) -> Batch:
        try:
            return fetch(number, stop)
        except Gone:
            job.rewind(number)
            return fetch(number, stop)

    delivery = job.status()["spec"].get("delivery") or {}
    numbers = job.numbers(first, step)
    if delivery.get("kind") != "stream":
        with Prefetcher(fetch, numbers, prefetch) as batches:
            yield from batches
        return
    # Acknowledge everything before `consumed` that the buffer may still hold: rewinding brings back batches that other
    # ranks had consumed, and a rank that was killed may not have acknowledged all that it had consumed.
    buffer_batches = delivery["buffer_batches"]
    unacknowledged = deque(range(max(0, consumed - buffer_batches), consumed), maxlen=buffer_batches)
    with Prefetcher(fetch_or_rewind, numbers, prefetch) as batches:
        while True:
            if unacknowledged:
                job.acknowledge(unacknowledged)
            if (batch := next(batches, None)) is None:
                return
            yield batch
            unacknowledged.append(batch.number)
