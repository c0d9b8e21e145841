"""The client of a service: it uploads structures, submits jobs and finds them again."""

import contextlib
import uuid
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Self, TypeAlias

import httpx

from afmbatch_client.connection import Connection
from afmbatch_client.job import Job

Spec: TypeAlias = Mapping[str, Any]  # as the service's README.md describes it under "The job spec"


class Client:
    """A client of the service at `url`; a context manager.

    `timeout` (seconds, or an httpx.Timeout) limits each step of a request: connecting, and waiting for the next bytes.
    `retry_for` (seconds) limits how long a transient failure is retried: a request is sent again, and a broken
    transfer continued, until that time has passed without progress. A client can be sent to another process, by fork
    or by pickle, unless it has a `transport` of its own.
    """

    def __init__(
        self,
        url: str = "http://127.0.0.1:8000",
        *,
        transport: httpx.BaseTransport | None = None,
        timeout: float | httpx.Timeout = 30.0,
        retry_for: float = 60.0,
    ) -> None:
        self._connection = Connection(url, transport, httpx.Timeout(timeout), retry_for)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections that this process has opened."""
        self._connection.close()

    def upload(self, paths: str | Path | Iterable[str | Path]) -> dict[str, Any]:
        """Upload structure files, or archives of them, and return the record of their dataset, with its `id`.

        The same files make the same dataset.
        """
        listed = [paths] if isinstance(paths, str | Path) else list(paths)
        with contextlib.ExitStack() as opened:
            files = [("files", (Path(p).name, opened.enter_context(Path(p).open("rb")))) for p in listed]
            return self._connection.json("POST", "/v1/datasets", files=files)

    def submit(self, spec: Spec) -> Job:
        """Submit a spec and return its job: a new one, or the one that makes the same recipe already.

        Raises ProblemError, whose `field_errors` name what the service refuses.
        """
        headers = {"Idempotency-Key": str(uuid.uuid4())}  # a request that is sent again makes no second job
        return Job(self._connection, self._connection.json("POST", "/v1/jobs", json=spec, headers=headers)["id"])

    def job(self, job_id: str) -> Job:
        """Return an existing job. Raises NotFound."""
        return Job(self._connection, self._connection.json("GET", f"/v1/jobs/{job_id}")["id"])

    def presets(self) -> list[dict[str, Any]]:
        """Return the name and the description of each preset."""
        presets: list[dict[str, Any]] = self._connection.json("GET", "/v1/presets")["presets"]
        return presets

    def preset(self, name: str, dataset: str) -> dict[str, Any]:
        """Return a preset's complete spec for a dataset, to be edited and submitted."""
        return self._connection.json("GET", f"/v1/presets/{name}", params={"dataset": dataset})

    def preflight(self, spec: Spec, preview: int = 0) -> dict[str, Any]:
        """Return the service's report of what a job of this spec would make and cost.

        With `preview`, the service makes so many samples at once, as a job of their own:
        `client.job(report["preview"]["job"])`. `report["preview"]` is None if the spec would be refused.
        """
        return self._connection.json("POST", "/v1/preflight", json=spec, params={"preview": preview})
