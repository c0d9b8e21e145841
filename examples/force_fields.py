"""Images one molecule by all three force fields: `python -m examples.force_fields`, or `make force-fields`.

Formic acid is uploaded with its point charges, its electron density and its potential, and a CO tip with its densities.
Three jobs image it in the same window, from the same heights and in the same orientation. The batches and a picture
of them side by side are in `force-fields-output/`.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer

from afmbatch.errors import AfmbatchError
from afmbatch_client import Batch, Client, ClientError
from examples.force_fields_picture import render
from examples.service import running_service

DATA = Path(__file__).parent / "data"
_SIDE = 9.0  # Å, of the window
_HEIGHTS, _DZ, _DF_STEPS = 22, 0.1, 10  # 13 slices; an oscillation of 1 Å from peak to peak

#: A label of the images of each force field.
LABELS = {
    "lj_pc": "Lennard-Jones,\npoint charges",
    "lj_hartree": "Lennard-Jones,\nHartree potential,\nCO as dz² multipole",
    "fdbm": "full densities\nof sample and\nCO tip, DFT-D3",
}


def specs(charged: str, with_grids: str, tip: str, pixels: int) -> dict[str, dict[str, Any]]:
    """Return the spec of each force field's job. They differ in dataset, force field and tip alone.

    charged, with_grids: the ids of the datasets with point charges, and with potential and density; tip: the id of
    the tip's densities; pixels: the number of pixels along x and along y.
    """
    scan = {
        "window": [[0, 0, 0], [_SIDE, _SIDE, _HEIGHTS * _DZ]],
        "dim": [pixels, pixels, _HEIGHTS],
        "df_steps": _DF_STEPS,
    }
    same = {"scan": scan, "distance": 4.3, "rotations": {"kind": "none"}, "descriptors": []}
    multipole = {"kind": "multipole", "moments": {"dz2": -0.1}, "sigma": 0.71}
    uploaded = {"kind": "tip", "id": tip}
    return {
        "lj_pc": {**same, "dataset": charged, "force_field": {"kind": "lj_pc"}},  # the default tip is CO
        "lj_hartree": {
            **same,
            "dataset": with_grids,
            "force_field": {"kind": "lj_hartree"},
            "tips": [{"density": multipole}],
        },
        "fdbm": {**same, "dataset": with_grids, "force_field": {"kind": "fdbm"}, "tips": [{"density": uploaded}]},
    }


def simulate(client: Client, pixels: int) -> Mapping[str, Batch]:
    """Upload the data, and return the batch of each force field, which has one sample. Raises ClientError."""
    charged = client.upload(DATA / "formic_acid_charges.xyz")["id"]
    with_grids = client.upload(DATA / "formic_acid.npz")["id"]
    tip = client.upload_tip(DATA / "co_tip.npz", probe="O")["id"]
    jobs = {kind: client.submit(spec) for kind, spec in specs(charged, with_grids, tip, pixels).items()}
    return {kind: job.batch(0) for kind, job in jobs.items()}


def run(client: Client, output: Path, pixels: int) -> None:
    """Write the batch of each force field and a picture of them into `output`. Raises ClientError."""
    batches = simulate(client, pixels)
    for kind, batch in batches.items():
        (output / f"{kind}.npz").write_bytes(batch.buffer.data)
    rows = {f"{kind}\n{LABELS[kind]}": batch for kind, batch in batches.items()}
    render(rows, "Formic acid under a CO tip, by three force fields", output / "force-fields.png")


def main(
    url: Annotated[
        str | None, typer.Option(help="Address of a service; without it, one is started and stopped here.")
    ] = None,
    output: Annotated[Path, typer.Option(help="Directory for the picture and the batches.")] = Path(
        "force-fields-output"
    ),
    pixels: Annotated[int, typer.Option(min=2, max=1000, help="Number of pixels along x and along y.")] = 121,
) -> None:
    """Image formic acid by all three force fields, side by side."""
    output.mkdir(parents=True, exist_ok=True)
    transport = httpx.HTTPTransport() if url is None else None  # a service on loopback is not behind HTTP_PROXY
    try:
        with running_service(url, output / "server.log") as address, Client(address, transport=transport) as client:
            run(client, output, pixels)
    except (AfmbatchError, ClientError) as e:
        raise SystemExit(f"force_fields: {e}") from None
    typer.echo(f"the picture is {output / 'force-fields.png'}, the batches are beside it")


if __name__ == "__main__":
    typer.run(main)
