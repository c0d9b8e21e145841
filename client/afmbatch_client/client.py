"""The client: an address, and what can be asked there."""

import contextlib
import uuid
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Self, TypeAlias

import httpx

from afmbatch_client.connection import Connection
from afmbatch_client.job import Job

Spec: TypeAlias = Mapping[str, Any]  # README.md of the service, "The job spec"


class Client:
    """A service at this address; a context manager. Can be sent to other processes, by fork or by pickle.

    `timeout`, s or an httpx.Timeout, is for one step (connect, the next bytes); `patience`, s, for failures that pass:
    so long a request is tried again, and a transfer goes on where it was, as long as nothing comes at all.
    """

    def __init__(
        self,
        url: str = "http://127.0.0.1:8000",
        *,
        transport: httpx.BaseTransport | None = None,
        timeout: float | httpx.Timeout = 30.0,
        patience: float = 60.0,
    ) -> None:
        self._connection = Connection(url, transport, httpx.Timeout(timeout), patience)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close its connections."""
        self._connection.close()

    def upload(self, paths: str | Path | Iterable[str | Path]) -> dict[str, Any]:
        """A dataset of xyz files or archives of them: its record, with `id`. The same files make the same dataset."""
        listed = [paths] if isinstance(paths, str | Path) else list(paths)
        with contextlib.ExitStack() as opened:
            files = [("files", (Path(p).name, opened.enter_context(Path(p).open("rb")))) for p in listed]
            return self._connection.json("POST", "/v1/datasets", files=files)

    def submit(self, spec: Spec) -> Job:
        """A job that makes this recipe: a new one, or the one that makes it already. Raises ProblemError: `faults`."""
        key = {"Idempotency-Key": str(uuid.uuid4())}  # so that a repeated request makes no second job
        return Job(self._connection, self._connection.json("POST", "/v1/jobs", json=spec, headers=key)["id"])

    def job(self, job_id: str) -> Job:
        """A job that exists. Raises NotFound."""
        return Job(self._connection, self._connection.json("GET", f"/v1/jobs/{job_id}")["id"])

    def presets(self) -> list[dict[str, Any]]:
        """Name and description of each preset."""
        listed: list[dict[str, Any]] = self._connection.json("GET", "/v1/presets")["presets"]
        return listed

    def preset(self, name: str, dataset: str) -> dict[str, Any]:
        """A preset's complete spec for a dataset, to be edited and submitted."""
        return self._connection.json("GET", f"/v1/presets/{name}", params={"dataset": dataset})

    def preflight(self, spec: Spec, preview: int = 0) -> dict[str, Any]:
        """What a job of this spec would be. With a preview, its first samples are `job(report["preview"]["id"])`."""
        return self._connection.json("POST", "/v1/preflight", json=spec, params={"preview": preview})
