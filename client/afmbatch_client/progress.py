"""A progress bar on a terminal; nothing elsewhere."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn


@contextmanager
def progress_bar(enabled: bool, label: str) -> Iterator[Callable[[int, int | None, float | None], None]]:
    """Show a bar and yield the function that moves it: show(done, total, samples per second)."""
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, disable=not (enabled and console.is_terminal)) as progress:
        task = progress.add_task(label, total=None, rate="")

        def show(done: int, total: int | None, rate: float | None) -> None:
            progress.update(task, completed=done, total=total, rate=f"{rate:.0f}/s" if rate else "")

        yield show


def sample_progress(status: Mapping[str, Any]) -> tuple[int, int | None, float | None]:
    """Return samples done, samples in all and samples per second, from a job's status document."""
    counts = status["counts"]
    return counts["samples_done"], counts["samples"], status["samples_per_second"]
