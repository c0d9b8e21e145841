"""A bar on a terminal for how far a job is; elsewhere nothing."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn


@contextmanager
def bar(shown: bool, what: str) -> Iterator[Callable[[int, int | None, float | None], None]]:
    """To be told (done, total, samples a second) again and again."""
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, disable=not (shown and console.is_terminal)) as progress:
        task = progress.add_task(what, total=None, rate="")

        def told(done: int, total: int | None, rate: float | None) -> None:
            progress.update(task, completed=done, total=total, rate=f"{rate:.0f}/s" if rate else "")

        yield told


def told_of(status: Mapping[str, Any]) -> tuple[int, int | None, float | None]:
    """For the bar, from a job's status."""
    counts = status["counts"]
    return counts["samples_done"], counts["samples"], status["samples_per_second"]
