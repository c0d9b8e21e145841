"""The command line: it opens what a program needs and turns what it raises into one line."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import httpx
import typer
from redis.exceptions import RedisError

from service.contract.errors import AfmbatchError
from service.contract.settings import read_settings

app = typer.Typer(help="AFM training batches on demand.", no_args_is_help=True, pretty_exceptions_enable=False)

Data = Annotated[Path, typer.Option(help="Where Redis and the store keep their data.")]
Port = Annotated[int, typer.Option(help="Port of the HTTP service, on loopback.", min=1, max=65535)]
Workers = Annotated[int, typer.Option(help="Worker processes.", min=1, max=64)]


@contextmanager
def one_line_errors() -> Iterator[None]:
    """An error of ours ends the program with one line instead of a traceback."""
    try:
        yield
    except (AfmbatchError, RedisError, httpx.HTTPError) as e:
        typer.echo(f"afmbatch: {e}", err=True)
        raise typer.Exit(1) from None


@app.command()
def up(data: Data = Path("afmbatch-data"), port: Port = 8000, workers: Workers = 1) -> None:
    """Run everything on this machine: an embedded Redis, the HTTP service and workers."""
    from afmbatch.up import run

    with one_line_errors():
        run(data, port, workers)


@app.command()
def serve() -> None:
    """Run the HTTP service against the Redis and store of the settings (AFMBATCH_REDIS_URL, …)."""
    from service.main import run

    with one_line_errors():
        run(read_settings())


@app.command()
def worker() -> None:
    """Run a worker against the Redis and store of the settings (AFMBATCH_REDIS_URL, …)."""
    from worker.main import run

    with one_line_errors():
        run(read_settings())


@app.command()
def devices() -> None:
    """List the OpenCL devices a worker could use (AFMBATCH_DEVICE takes a part of a name)."""
    from kernels import list_devices

    for d in list_devices():
        typer.echo(f"{d.kind:5} {d.name} ({d.platform}), {d.compute_units} units, {d.memory_bytes / 2**30:.1f} GiB")


@app.command()
def demo(
    output: Annotated[Path, typer.Option(help="Where the batches and the picture go.")] = Path("demo-output"),
    samples: Annotated[int, typer.Option(min=1, max=840, help="How many samples.")] = 280,
) -> None:
    """Run the common job on the molecules shipped with afmbatch and draw a contact sheet."""
    from afmbatch.demo import run

    with one_line_errors():
        run(output, samples)
