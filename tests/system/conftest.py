"""A running afmbatch, and the four calls a user makes: upload, post, wait, download."""

import io
import time
from dataclasses import dataclass

import httpx
import numpy as np
import pytest

from afmbatch.cli.stack import Stack, free_port


@dataclass(frozen=True)
class Service:
    """A running stack and a client of it."""

    stack: Stack
    http: httpx.Client

    def upload(self, **molecules):
        """Dataset id of molecules given as text, by name."""
        files = [("files", (f"{name}.xyz", text)) for name, text in molecules.items()]
        return ok(self.http.post("/v1/datasets", files=files)).json()["id"]

    def post(self, **spec):
        """Id of a new job."""
        return ok(self.http.post("/v1/jobs", json=spec)).json()["id"]

    def status(self, job):
        return ok(self.http.get(f"/v1/jobs/{job}")).json()

    def wait(self, job, seconds=120, until=lambda status: status["state"] in ("done", "failed", "cancelled")):
        """The status once the condition holds; every status seen on the way is checked for sanity."""
        deadline = time.monotonic() + seconds
        before = 0
        while time.monotonic() < deadline:
            status = self.status(job)
            counts, size = status["counts"], status["spec"]["batch_size"]
            done, extents = counts["batches_done"], len(status["extents"])
            missing = done * size - counts["samples_done"]  # the last batch of each extent may be smaller
            assert 0 <= missing < extents * size
            assert before <= done
            assert counts["batches"] is None or done <= counts["batches"]
            before = done
            if until(status):
                return status
            self.pause()
        raise AssertionError(f"still waiting after {seconds} s: {status}")

    def pause(self):
        """Until the next look."""
        time.sleep(0.05)

    def records(self, job):
        return ok(self.http.get(f"/v1/jobs/{job}/batches", params={"limit": 1000})).json()["batches"]

    def download(self, job, batch):
        return ok(self.http.get(f"/v1/jobs/{job}/batches/{batch}")).content

    def arrays(self, job, batch):
        """A batch as a dict of arrays."""
        with np.load(io.BytesIO(self.download(job, batch)), allow_pickle=False) as f:
            return dict(f)

    def run(self, **spec):
        """All batches of a job run to its end, as dicts of arrays."""
        job = self.post(**spec)
        status = self.wait(job)
        assert status["state"] == "done", status
        return [self.arrays(job, b) for b in range(status["counts"]["batches"])]


def ok(answer):
    assert answer.is_success, f"{answer.request.method} {answer.request.url}: {answer.status_code} {answer.text}"
    return answer


@pytest.fixture(scope="session")
def service(tmp_path_factory):
    """One stack with one worker, for all tests that leave it running."""
    with (
        Stack(tmp_path_factory.mktemp("stack"), free_port(), workers=1) as stack,
        httpx.Client(base_url=stack.url, trust_env=False, timeout=60) as http,
    ):
        yield Service(stack, http)
