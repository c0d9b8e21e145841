"""The command line of the client. Ids and JSON go to standard output, everything else to standard error."""

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from afmbatch_client.client import Client
from afmbatch_client.errors import ClientError

app = typer.Typer(
    help="Submit jobs to an afmbatch service and download their batches.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

Url = Annotated[str, typer.Option(envvar="AFMBATCH_URL", help="Address of the service.")]
JobId = Annotated[str, typer.Argument(help="Id of a job.")]
VolumetricFiles = Annotated[
    list[Path] | None, typer.Option(exists=True, dir_okay=False, help="Volumetric files of this quantity.")
]
SpecFile = Annotated[typer.FileText, typer.Argument(help="A job spec as JSON; - reads standard input.")]


@app.callback()
def _set_url(context: typer.Context, url: Url = "http://127.0.0.1:8000") -> None:
    context.obj = url


@app.command()
def upload(
    context: typer.Context,
    paths: Annotated[
        list[Path] | None, typer.Argument(exists=True, dir_okay=False, help="Structure files, or archives of them.")
    ] = None,
    electrons: VolumetricFiles = None,
    charge: VolumetricFiles = None,
    potential: VolumetricFiles = None,
    electron_energy: VolumetricFiles = None,
) -> None:
    """Upload structure files, or archives of them, as a dataset and print its id.

    Volumetric files (cube, XSF, VASP, npz) are given by the option that is named after their quantity. Warnings about
    them go to standard error.
    """
    with _client(context) as client:
        record = client.upload(
            paths or (),
            electrons=electrons or (),
            charge=charge or (),
            potential=potential or (),
            electron_energy=electron_energy or (),
        )
        _print_uploaded(record)


@app.command()
def upload_tip(
    context: typer.Context,
    paths: Annotated[list[Path] | None, typer.Argument(exists=True, dir_okay=False)] = None,
    electrons: VolumetricFiles = None,
    delta_electrons: VolumetricFiles = None,
    charge: VolumetricFiles = None,
    probe: Annotated[str | None, typer.Option(help="Number of the probe atom, from 1, or its element.")] = None,
) -> None:
    """Upload the densities of a tip and print its id. Warnings about the files go to standard error."""
    with _client(context) as client:
        record = client.upload_tip(
            paths or (),
            electrons=electrons or (),
            delta_electrons=delta_electrons or (),
            charge=charge or (),
            probe=probe,
        )
        _print_uploaded(record)


@app.command()
def tips(
    context: typer.Context,
    tip: Annotated[str | None, typer.Argument(help="Id of a tip, to print its record.")] = None,
) -> None:
    """List the tips, newest first, or print the record of one."""
    with _client(context) as client:
        _print(client.tips() if tip is None else client.tip(tip))


@app.command()
def delete_tip(context: typer.Context, tip: Annotated[str, typer.Argument(help="Id of a tip.")]) -> None:
    """Delete a tip."""
    with _client(context) as client:
        client.delete_tip(tip)


@app.command()
def presets(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(help="Name of a preset, to print its spec.")] = None,
    dataset: Annotated[str, typer.Option(help="Id of the dataset that the spec is for.")] = "",
) -> None:
    """List the presets, or print the spec of one."""
    with _client(context) as client:
        _print(client.presets() if name is None else client.preset(name, dataset))


@app.command()
def preflight(
    context: typer.Context,
    spec: SpecFile,
    preview: Annotated[int, typer.Option(min=0, help="Number of samples to make at once.")] = 0,
) -> None:
    """Print what a job of this spec would make and cost."""
    with _client(context) as client:
        _print(client.preflight(_read(spec), preview))


@app.command()
def submit(context: typer.Context, spec: SpecFile) -> None:
    """Submit a job and print its id."""
    with _client(context) as client:
        typer.echo(client.submit(_read(spec)).id)


@app.command()
def status(context: typer.Context, job: JobId) -> None:
    """Print the status of a job."""
    with _client(context) as client:
        _print(client.job(job).status())


@app.command()
def wait(context: typer.Context, job: JobId) -> None:
    """Wait until a job is done, with a progress bar on a terminal. A stream without end is refused."""
    with _client(context) as client:
        client.job(job).wait()


@app.command()
def batches(context: typer.Context, job: JobId) -> None:
    """List the batches that can be downloaded: number, samples, bytes, sha256."""
    with _client(context) as client:
        for record in client.job(job).records():
            typer.echo(f"{record['batch']} {record['samples']} {record['bytes']} {record['sha256']}")


@app.command()
def download(
    context: typer.Context,
    job: JobId,
    directory: Annotated[Path, typer.Argument(help="Directory for the files; it is made if it does not exist.")],
    parallel: Annotated[int, typer.Option(min=1, max=64, help="Number of batches to download at once.")] = 4,
) -> None:
    """Download all batches as they are made. Called again, it downloads the batches that are missing.

    Batches of a stream are acknowledged once they are on disk. A stream without end is refused.
    """
    with _client(context) as client:
        client.job(job).download(directory, parallel)


@app.command()
def sample(
    context: typer.Context,
    job: JobId,
    number: Annotated[int, typer.Argument(min=0, help="Number of the sample in the job, from 0.")],
    output: Annotated[Path, typer.Option(help="File to write.")] = Path("sample.npz"),
) -> None:
    """Let the service simulate one sample alone, and download it."""
    with _client(context) as client:
        output.write_bytes(client.job(job).sample(number).buffer.data)


@app.command()
def extend(
    context: typer.Context,
    job: JobId,
    epochs: Annotated[int | None, typer.Option(min=1, help="Number of further epochs.")] = None,
    dataset: Annotated[str | None, typer.Option(help="Id of another dataset, whose structures are added.")] = None,
) -> None:
    """Extend a job that is done by further epochs or by the structures of another dataset."""
    if (epochs is None) == (dataset is None):
        raise typer.BadParameter("give either --epochs or --dataset")
    with _client(context) as client:
        _print(client.job(job).extend(epochs, dataset))


@app.command()
def cancel(context: typer.Context, job: JobId) -> None:
    """Cancel a job, so that it makes no further batches."""
    with _client(context) as client:
        _print(client.job(job).cancel())


@contextmanager
def _client(context: typer.Context) -> Iterator[Client]:
    """Open a client. Its errors end the program with a message instead of a traceback."""
    try:
        with Client(context.obj) as client:
            yield client
    except (ClientError, ValueError, OSError) as e:
        typer.echo(f"afmbatch-client: {e}", err=True)
        raise typer.Exit(1) from None


def _read(spec: typer.FileText) -> Mapping[str, Any]:
    document: Mapping[str, Any] = json.load(spec)
    return document


def _print_uploaded(record: Mapping[str, Any]) -> None:
    """Print the id of an uploaded dataset or tip, and the warnings about its files."""
    for finding in record["findings"]:
        if finding["warning"]:
            typer.echo(f"{finding['file']}: {finding['message']}", err=True)
    typer.echo(record["id"])


def _print(document: Any) -> None:
    json.dump(document, sys.stdout, indent=2, ensure_ascii=False)
    typer.echo()
