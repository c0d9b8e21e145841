"""The command line. Each command imports its program only when it is called, because some imports are slow."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import httpx
import typer
from redis.exceptions import RedisError

from afmbatch.errors import AfmbatchError
from afmbatch.settings import read_settings

app = typer.Typer(help="AFM training batches on demand.", no_args_is_help=True, pretty_exceptions_enable=False)

Data = Annotated[Path, typer.Option(help="Directory for the data of Redis and of the store.")]
Port = Annotated[int, typer.Option(help="Port of the HTTP service, on loopback.", min=1, max=65535)]
Workers = Annotated[int, typer.Option(help="Number of worker processes.", min=1, max=64)]


@contextmanager
def one_line_errors() -> Iterator[None]:
    """End the program with one line instead of a traceback if an expected error is raised."""
    try:
        yield
    except (AfmbatchError, RedisError, httpx.HTTPError) as e:
        _exit(str(e))


def _exit(message: str) -> None:
    typer.echo(f"afmbatch: {message}", err=True)
    raise typer.Exit(1) from None


@app.command()
def up(data: Data = Path("afmbatch-data"), port: Port = 8000, workers: Workers = 1) -> None:
    """Run an embedded Redis, the HTTP service and workers on this machine."""
    from afmbatch.cli.up import run

    with one_line_errors():
        run(data, port, workers)


@app.command()
def serve() -> None:
    """Run the HTTP service with the Redis and the store of the settings (AFMBATCH_REDIS_URL, …)."""
    from service.main import run

    with one_line_errors():
        run(read_settings())


@app.command()
def worker() -> None:
    """Run a worker with the Redis and the store of the settings (AFMBATCH_REDIS_URL, …)."""
    from worker.main import run

    with one_line_errors():
        run(read_settings())


@app.command()
def devices() -> None:
    """List the OpenCL devices that a worker can use. AFMBATCH_DEVICE selects one by a part of its name."""
    from kernels.device.device import list_devices

    for d in list_devices():
        typer.echo(f"{d.kind:5} {d.name} ({d.platform}), {d.compute_units} units, {d.memory_bytes / 2**30:.1f} GiB")


@app.command()
def sweep(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List the files, but do not remove them.")] = False,
    any_ledger: Annotated[
        bool, typer.Option("--any-ledger", help="Remove the files even if the ledger knows nothing in the store.")
    ] = False,
) -> None:
    """Remove files from the store that are older than a day and that the ledger does not know."""
    from afmbatch.cli.sweep import run

    with one_line_errors():
        run(read_settings(), dry_run=dry_run, any_ledger=any_ledger)


@app.command()
def demo(
    output: Annotated[Path, typer.Option(help="Directory for the batches and the picture.")] = Path("demo-output"),
    samples: Annotated[int, typer.Option(min=1, max=840, help="Number of samples.")] = 280,
) -> None:
    """Run the common job on the molecules shipped with afmbatch and render a contact sheet of its batches."""
    if find_spec("afmbatch_client") is None:
        _exit("the demo needs the package afmbatch_client: pip install ./client, or add client/ to PYTHONPATH")
    from afmbatch.cli.demo import run

    with one_line_errors():
        run(output, samples)
