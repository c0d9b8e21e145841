"""`afmbatch demo`: the common job over HTTP, from nothing to batches and a picture."""

import hashlib
import tempfile
import time
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from afmbatch.cli.contact_sheet import draw
from afmbatch.cli.up import Stack, UpError, free_port

_POLL_SECONDS = 0.25


def common_job(dataset: str, samples: int) -> dict[str, Any]:
    """The job most people run: everything not said here is the default of the spec."""
    return {
        "dataset": dataset,
        "rotations": {"kind": "directions", "directions": 100, "best": 30},
        "randomise": {
            "distance": {"kind": "uniform", "low": -0.2, "high": 0.2},
            "tilt": {"kind": "disk", "radius": 0.3},
        },
        "batch_size": 20,
        "samples": samples,
        "seed": 2026,
    }


def run(output: Path, samples: int) -> None:
    """Batches and contact-sheet.png in `output`. Raises UpError, EmbeddedServerError or httpx.HTTPError."""
    console = Console(soft_wrap=True)
    output.mkdir(parents=True, exist_ok=True)
    console.print("starting Redis, the HTTP service and a worker …")
    with (
        tempfile.TemporaryDirectory(prefix="afmbatch-demo-") as data,
        (output / "server.log").open("wb") as log,
        Stack(Path(data), free_port(), 1, log) as stack,
        httpx.Client(base_url=stack.url, trust_env=False, timeout=60) as http,
    ):
        console.print(f"up at {stack.url}")
        names, dataset = _upload(http)
        console.print(f"dataset {dataset['id']}: {dataset['structures']} molecules")
        job = _ok(http.post("/v1/jobs", json=common_job(dataset["id"], samples))).json()
        console.print(f"job {job['id']}: {job['counts']['samples']} samples in {job['counts']['batches']} batches")
        batches = list(_download(http, job, output, console))
    picture = output / "contact-sheet.png"
    draw(batches, names, picture)
    console.print(f"{len(batches)} batches in {output}, a look at them in {picture}; everything is stopped again")


def _upload(http: httpx.Client) -> tuple[list[str], dict[str, Any]]:
    molecules = sorted((p for p in (files("afmbatch") / "molecules").iterdir()), key=lambda p: p.name)
    parts = [("files", (p.name, p.read_bytes(), "chemical/x-xyz")) for p in molecules]
    return [p.name.removesuffix(".xyz") for p in molecules], _ok(http.post("/v1/datasets", files=parts)).json()


def _download(http: httpx.Client, job: dict[str, Any], output: Path, console: Console) -> Iterator[Path]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    path = f"/v1/jobs/{job['id']}"
    pending = set(range(job["counts"]["batches"]))
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task("samples", total=job["counts"]["samples"], rate="")
        while pending:
            status = _ok(http.get(path)).json()
            rate = status["samples_per_second"]
            progress.update(bar, completed=status["counts"]["samples_done"], rate=f"{rate:.0f}/s" if rate else "")
            for record in _ok(http.get(f"{path}/batches", params={"limit": 1000})).json()["batches"]:
                if record["batch"] in pending:
                    yield _fetch(http, path, record, output)
                    pending.remove(record["batch"])
            if status["state"] in ("failed", "cancelled"):
                raise UpError(f"job {job['id']} {status['state']}: {status['errors']}")
            time.sleep(_POLL_SECONDS)


def _fetch(http: httpx.Client, path: str, record: dict[str, Any], output: Path) -> Path:
    data = _ok(http.get(f"{path}/batches/{record['batch']}")).content
    if hashlib.sha256(data).hexdigest() != record["sha256"]:
        raise UpError(f"batch {record['batch']} arrived damaged")
    target = output / f"batch-{record['batch']:04d}.npz"
    target.write_bytes(data)
    return target


def _ok(answer: httpx.Response) -> httpx.Response:
    if answer.is_error:
        raise UpError(f"{answer.request.method} {answer.request.url}: {answer.status_code} {answer.text}")
    return answer
