"""Provides engine steps for tests: they need no device, and fail at batch 3 in various ways."""

import ctypes
import os
import signal
import threading
import time
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from afmbatch.errors import AfmbatchError
from afmbatch.sampling.plan import Plan
from afmbatch.sampling.recipe import Recipe
from afmbatch.storage.object_store import ObjectStore
from tests.redis_server import until
from worker.messages import BatchMade, EngineReady

BAD = 3


class Good:
    """Makes batches at once, and writes the number of each batch that it begins into a file."""

    def __init__(self, settings):
        self.store = ObjectStore(settings.store_url)
        self.begun_file = Path(urlsplit(settings.store_url).path).parent / "begun"

    def describe(self):
        return EngineReady(
            device="none", device_kind="other", compute_units=1, memory_bytes=0, prefetch=2, group_samples=1
        )

    def tries(self, batch):
        """Return how many times a batch was begun, including this time."""
        return self.begun_file.read_text().split().count(str(batch))

    def prepare(self, make):
        return make

    def start(self, make):
        return make

    def wait(self, make):
        return [self.begin(make, batch) for batch in make.batches]

    def begin(self, make, batch):
        with self.begun_file.open("a") as file:
            file.write(f"{batch}\n")
        self.work(batch)
        return lambda: self.write(make, batch)

    def write(self, make, batch):
        content = self.store.put_batch(make.job_id, batch, [f"{make.job_id} {batch}".encode()])
        return BatchMade(
            job_id=make.job_id,
            batch=batch,
            samples=Plan(Recipe.model_validate_json(make.recipe)).size(batch),
            bytes=content.bytes,
            sha256=content.sha256,
            flagged=3,
            flags={"left": 2, "not_finite": 1},
        )

    def work(self, batch):
        pass


class Grouping(Good):
    """Asks for groups of 40 samples."""

    def describe(self):
        return replace(super().describe(), prefetch=3, group_samples=40)

    def wait(self, make):
        with self.begun_file.with_name("groups").open("a") as groups:
            groups.write(f"{' '.join(map(str, make.batches))}\n")
        return super().wait(make)


class RefusesGroup(Grouping):
    def prepare(self, make):
        if BAD in make.batches:
            raise AfmbatchError("sample 31: two atoms coincide")
        return make


class CrashesGroup(Grouping):
    def work(self, batch):
        if batch == BAD:
            signal.raise_signal(signal.SIGSEGV)  # in this thread: it gets no further


class HangsWhileWriting(Grouping):
    """Hangs while it writes one file, and goes on with the others."""

    def write(self, make, batch):
        if batch == BAD:
            threading.Event().wait()
        return super().write(make, batch)


class NeverAnswersOnce(Good):
    """Never answers batch 3 when it makes that batch for the first time."""

    def write(self, make, batch):
        if batch == BAD and self.tries(batch) == 1:
            threading.Event().wait()
        return super().write(make, batch)


class Slow(Good):
    def work(self, batch):
        time.sleep(0.05)


class Slower(Good):
    def work(self, batch):
        time.sleep(0.4)


class DeepPipeline(Slower):
    """Accepts six groups at once."""

    def describe(self):
        return replace(super().describe(), prefetch=6)


class QuickDeepPipeline(Slow):
    """Accepts six groups at once, and makes them quickly."""

    def describe(self):
        return replace(super().describe(), prefetch=6)


class LongJob(Good):
    """Takes 0.5 s for a batch of job-0, and no time for a batch of another job."""

    def describe(self):
        return replace(super().describe(), prefetch=3)

    def begin(self, make, batch):
        if make.job_id == "job-0":
            time.sleep(0.5)
        with self.begun_file.with_name("begun_by").open("a") as file:
            file.write(f"{make.job_id} {batch} {os.getppid()}\n")
        return super().begin(make, batch)


class VeryLongBatch(LongJob):
    """Takes 2.5 s for a batch of job-0."""

    def begin(self, make, batch):
        if make.job_id == "job-0":
            time.sleep(2.0)
        return super().begin(make, batch)


class Hangs(Good):
    def work(self, batch):
        if batch == BAD:
            ctypes.PyDLL(None).pause()  # keeps the GIL, like a kernel that never returns


class Crashes(Good):
    def work(self, batch):
        if batch == BAD:
            signal.raise_signal(signal.SIGSEGV)  # in this thread: it gets no further


class CrashesOnce(Good):
    def work(self, batch):
        if batch == BAD and self.tries(batch) == 1:
            signal.raise_signal(signal.SIGSEGV)  # in this thread: it gets no further


class AlwaysExits(Good):
    def work(self, batch):
        os._exit(7)


class Raises(Good):
    def work(self, batch):
        if batch == BAD:
            raise MemoryError("no room for this batch")


class RaisesOnceAllowed(Good):
    """Raises at batch 3 when a file called `allowed` exists."""

    def work(self, batch):
        if batch == BAD:
            until(self.begun_file.with_name("allowed").exists)
            raise MemoryError("no room for this batch")


class MissesFileOnce(Good):
    def work(self, batch):
        if batch == BAD and self.tries(batch) == 1:
            raise FileNotFoundError("a shared directory is not mounted yet")


class Refuses(Good):
    def work(self, batch):
        if batch == BAD:
            raise AfmbatchError("sample 31: two atoms coincide")


class KillsWorker(Good):
    def work(self, batch):
        if batch == BAD:
            time.sleep(0.2)  # until the batch before is recorded
            os.kill(os.getppid(), signal.SIGKILL)
            time.sleep(60)  # Linux kills the engine with its parent


class BreaksDevice(Good):
    """Breaks the device; only a new worker gets it back, like a container that is started again."""

    def __init__(self, settings):
        super().__init__(settings)
        self.broken = self.begun_file.with_name("broken")
        if self.broken.exists() and self.broken.read_text() == str(os.getppid()):
            raise AfmbatchError("the device is gone")

    def work(self, batch):
        if batch == BAD:
            time.sleep(0.2)  # until the batch before is recorded
            self.broken.write_text(str(os.getppid()))
            signal.raise_signal(signal.SIGSEGV)  # in this thread: it gets no further


class NoDevice(Good):
    def __init__(self, settings):
        raise AfmbatchError("no OpenCL device")
