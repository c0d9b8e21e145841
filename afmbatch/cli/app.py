"""The command line. Each command imports its program only when it is called, because some imports are slow."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import httpx
import typer
from redis.exceptions import RedisError

from afmbatch import __version__
from afmbatch.cli.opencl_cache import cache_problem
from afmbatch.cli.redis_address import check_redis_login, check_redis_url, describe_redis_error
from afmbatch.errors import AfmbatchError, CannotStart
from afmbatch.settings import Settings, read_settings

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False)

Data = Annotated[Path, typer.Option(help="Directory for the data of Redis and of the store.")]
Port = Annotated[
    int, typer.Option(help="Port of the HTTP service, on loopback.", min=1, max=65535, envvar="AFMBATCH_PORT")
]
Workers = Annotated[int, typer.Option(help="Number of worker processes.", min=1, max=64)]


def _show_version(value: bool) -> None:
    if value:
        typer.echo(f"afmbatch {__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """AFM training batches on demand."""


@contextmanager
def one_line_errors() -> Iterator[None]:
    """End the program with one line instead of a traceback if an expected error is raised."""
    try:
        yield
    except RedisError as e:
        _exit(describe_redis_error(e))
    except (AfmbatchError, httpx.HTTPError) as e:
        _exit(str(e))


def _checked_settings() -> Settings:
    """Return the settings after checking the address of Redis. Raises CannotStart."""
    settings = read_settings()
    check_redis_url(settings.redis_url)
    return settings


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
        settings = _checked_settings()
        check_redis_login(settings.redis_url)  # the service waits for a Redis that does not answer yet
        run(settings)


@app.command()
def worker() -> None:
    """Run a worker with the Redis and the store of the settings (AFMBATCH_REDIS_URL, …)."""
    from worker.control.engine_process import EngineNotStartedError
    from worker.main import run

    with one_line_errors():
        try:
            run(_checked_settings())
        except EngineNotStartedError as e:
            raise CannotStart("; ".join(filter(None, (str(e), cache_problem())))) from None


@app.command()
def devices() -> None:
    """List the OpenCL devices that a worker can use. AFMBATCH_DEVICE selects one by a part of its name."""
    from kernels.device.device import list_devices

    found = list_devices()
    for d in found:
        typer.echo(f"{d.kind:5} {d.name} ({d.platform}), {d.compute_units} units, {d.memory_bytes / 2**30:.1f} GiB")

    if all(d.kind == "other" for d in found):
        _exit("; ".join(filter(None, ("no OpenCL device that a worker can use", cache_problem()))))


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
        run(_checked_settings(), dry_run=dry_run, any_ledger=any_ledger)


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
