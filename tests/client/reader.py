"""Runs one rank of a training run in a process: `python -m tests.client.reader URL JOB RANK WORLD_SIZE START`.

It prints the number of each batch that it reads, one a line. `… URL JOB fork|spawn` instead starts two ranks from a
process that is itself reading the job, and prints the numbers that each of the three read.
"""

import json
import multiprocessing
import sys

from afmbatch_client import Client, RankBatches

from .conftest import number_of


def read(url, job_id, rank, world_size, start):
    with Client(url) as client:
        for batch in RankBatches(client.job(job_id), rank, world_size, start=start):
            print(number_of(batch), flush=True)  # noqa: T201


def take(batches, results):
    results.put((batches.rank, [number_of(batch) for batch in batches]))


def start(url, job_id, method):
    context = multiprocessing.get_context(method)
    results = context.SimpleQueue()
    with Client(url) as client:
        job = client.job(job_id)
        batches = job.batches()
        first = next(batches).number
        ranks = [context.Process(target=take, args=(RankBatches(job, rank, 2), results)) for rank in range(2)]
        for process in ranks:
            process.start()
        had = dict(results.get() for _ in ranks)
        for process in ranks:
            process.join()
        print(json.dumps([had[0], had[1], [first, *(batch.number for batch in batches)]]))  # noqa: T201


if __name__ == "__main__":
    url, job_id, *words = sys.argv[1:]
    if words[0] in ("fork", "spawn"):
        start(url, job_id, words[0])
    else:
        read(url, job_id, *map(int, words))
