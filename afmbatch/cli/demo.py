"""The command `afmbatch demo`: it runs the common job from molecules to batches and a picture."""

import tempfile
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console

from afmbatch.cli.contact_sheet import draw
from afmbatch.cli.molecules import shipped_molecules
from afmbatch.cli.stack import Stack, free_port
from afmbatch.errors import AfmbatchError
from afmbatch_client import Client, ClientError


class DemoFailed(AfmbatchError):
    """The service did not complete the demo's job."""


def common_job(dataset: str, samples: int) -> dict[str, Any]:
    """Return the spec of the common job. Fields that it does not name keep their defaults."""
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
    """Write the batches, contact-sheet.png and server.log into `output`.

    Raises StackError, EmbeddedServerError or DemoFailed.
    """
    console = Console(soft_wrap=True)
    output.mkdir(parents=True, exist_ok=True)
    molecules = shipped_molecules()
    console.print("starting Redis, the HTTP service and a worker …")
    with (
        tempfile.TemporaryDirectory(prefix="afmbatch-demo-") as data,
        (output / "server.log").open("wb") as log,
        Stack(Path(data), free_port(), 1, log) as stack,
        Client(stack.url, transport=httpx.HTTPTransport()) as client,  # ignores HTTP_PROXY: the service is on loopback
    ):
        console.print(f"up at {stack.url}")
        try:
            dataset = client.upload(molecules)["id"]
            console.print(f"dataset {dataset}: {len(molecules)} molecules")
            job = client.submit(common_job(dataset, samples))
            console.print(f"job {job.id}: {samples} samples")
            job.wait()
            batches = job.download(output, progress=False)
        except ClientError as e:
            raise DemoFailed(str(e)) from e
    picture = output / "contact-sheet.png"
    draw(batches, [path.stem for path in molecules], picture)
    console.print(f"{len(batches)} batches are in {output}, a picture of them is {picture}; all processes are stopped")
