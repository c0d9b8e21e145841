"""The service of the examples: one that runs elsewhere, or one that is started for the example."""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from afmbatch.cli.stack import Stack, free_port


@contextlib.contextmanager
def running_service(url: str | None, log: Path) -> Iterator[str]:
    """Yield the address of a running service: `url`, or one that is started and stopped here.

    log: the file for the output of the processes that are started. Raises StackError or EmbeddedServerError.
    """
    if url is not None:
        yield url
        return
    with (
        tempfile.TemporaryDirectory(prefix="afmbatch-example-") as data,
        log.open("wb") as output,
        Stack(Path(data), free_port(), 1, output) as stack,
    ):
        yield stack.url
