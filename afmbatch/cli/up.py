"""The command `afmbatch up`."""

import signal
import sys
from pathlib import Path

import typer

from afmbatch.cli.stack import Stack


def run(data: Path, port: int, workers: int) -> None:
    """Run a stack until SIGINT or SIGTERM. Raises StackError or EmbeddedServerError."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
    try:
        with Stack(data, port, workers) as stack:
            typer.echo(f"afmbatch is up at {stack.url} (interactive documentation: {stack.url}/docs)")
            settings = " ".join(f"{k}={stack.env[k]}" for k in ("AFMBATCH_REDIS_URL", "AFMBATCH_STORE_URL"))
            # Not sys.argv[0], which can't be run if this was started by `python -m afmbatch`.
            typer.echo(f"to start another worker on this machine: {settings} {sys.executable} -m afmbatch worker")
            stack.supervise()
    except KeyboardInterrupt:
        typer.echo("stopped")
