"""Times batches whose work overlaps: the next is prepared and the last one is read while one is computed."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from kernels import Simulator
from kernels.simulator import Prepared


def seconds_per_batch(simulator: Simulator, prepare: Callable[[], Prepared], batches: int) -> float:
    """Make `batches` batches, which `prepare` does the host's share of in a thread; return the mean time of one, s."""
    began = time.perf_counter()
    with ThreadPoolExecutor(1) as preparing:
        futures = [preparing.submit(prepare) for _ in range(batches)]
        running = []
        for prepared in futures:
            running.append(simulator.start(prepared.result()))
            if len(running) > 1:
                simulator.recycle(running.pop(0).wait())
        for pending in running:
            simulator.recycle(pending.wait())
    return (time.perf_counter() - began) / batches
