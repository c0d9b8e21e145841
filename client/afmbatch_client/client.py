"""Client uploads structures, submits jobs and finds them again."""

import contextlib
import uuid
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Self, TypeAlias

import httpx

from afmbatch_client.connection import Connection
from afmbatch_client.job import Job
from afmbatch_client.parts import PARTS_FROM_BYTES, send_in_parts

Paths: TypeAlias = str | Path | Iterable[str | Path]
Spec: TypeAlias = Mapping[str, Any]  # as the service's README.md describes it under "The job spec"


class Client:
    """A client of the service at `url`; a context manager.

    `timeout` (seconds, or an httpx.Timeout) limits each step of a request: connecting, and waiting for the next bytes.
    After a transient failure a request is sent again, or a broken transfer continued, until `retry_for` seconds have
    passed without progress. A client can be sent to another process, by fork
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

    def upload(
        self,
        paths: Paths = (),
        *,
        electrons: Paths = (),
        charge: Paths = (),
        potential: Paths = (),
        electron_energy: Paths = (),
    ) -> dict[str, Any]:
        """Upload structure files, or archives of them, and return the record of their dataset, with its `id`.

        paths: xyz files, and npz files whose arrays are named rho or pot. The other arguments are volumetric files
        (cube, XSF, VASP, npz) of the quantity that the argument is named after; a potential and a density of the same
        structure have files of the same name, apart from the suffix, or the same order. The record's `findings` say
        what the service concluded about them. The same files make the same dataset. Large files are sent in parts, of
        which only one is sent again after a broken transfer.
        """
        fields = {
            "files": paths,
            "electrons": electrons,
            "charge": charge,
            "potential": potential,
            "electron_energy": electron_energy,
        }
        return self._upload("/v1/datasets", fields, {})

    def upload_tip(
        self,
        paths: Paths = (),
        *,
        electrons: Paths = (),
        delta_electrons: Paths = (),
        charge: Paths = (),
        probe: str | int | None = None,
    ) -> dict[str, Any]:
        """Upload the densities of a tip and return its record, with its `id`.

        paths: an npz file with rho, rho_delta or both. The other arguments are a volumetric file each: electrons, with
        the electron density; delta_electrons, with its difference from free atoms; or charge, with the charge density
        in place of that. probe: number of the probe atom, from 1, or symbol of an element that only one atom has; None:
        the atom at grid point (0, 0, 0), or else the lowest one.
        """
        fields = {"files": paths, "electrons": electrons, "delta_electrons": delta_electrons, "charge": charge}
        return self._upload("/v1/tips", fields, {} if probe is None else {"probe": str(probe)})

    def tips(self, start: int = 0, limit: int = 100) -> list[dict[str, Any]]:
        """Return the tips of the service, newest first."""
        page = self._connection.json("GET", "/v1/tips", params={"start": start, "limit": limit})
        tips: list[dict[str, Any]] = page["tips"]
        return tips

    def tip(self, tip_id: str) -> dict[str, Any]:
        """Return the record of a tip. Raises NotFound."""
        return self._connection.json("GET", f"/v1/tips/{tip_id}")

    def delete_tip(self, tip_id: str) -> None:
        """Delete a tip. Raises NotFound; ProblemError while unfinished jobs use it."""
        self._connection.request("DELETE", f"/v1/tips/{tip_id}")

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

        If `preview` is above 0, the service makes that many samples at once, as a job of their own:
        `client.job(report["preview"]["job"])`. `report["preview"]` is None if the spec would be refused.
        """
        return self._connection.json("POST", "/v1/preflight", json=spec, params={"preview": preview})

    def _upload(self, address: str, fields: Mapping[str, Paths], data: Mapping[str, str]) -> dict[str, Any]:
        """Send files by form field, and other form fields, and return the record in the answer."""
        # Text is sent as a file without a name: without any file the body would not be multipart.
        form: list[tuple[str, tuple[str | None, Any]]] = [(name, (None, value)) for name, value in data.items()]
        with contextlib.ExitStack() as opened:
            for field, paths in fields.items():
                for path in map(Path, [paths] if isinstance(paths, str | Path) else paths):
                    file = opened.enter_context(path.open("rb"))
                    if path.stat().st_size > PARTS_FROM_BYTES:
                        form.append(("uploads", (None, send_in_parts(self._connection, field, path.name, file))))
                    else:
                        form.append((field, (path.name, file)))
            return self._connection.json("POST", address, files=form)
