"""Trains a small U-Net on a stream while a service makes it: `python -m examples.train`, or `make example`.

It prints the loss as a fraction of that of the mean image, the same for molecules that the network never learns from,
and the fraction of its time that it waits for data. At the end the numbers and a picture are in `training-output/`.
"""

import contextlib
import json
import os
import statistics
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from rich.console import Console

from afmbatch.errors import AfmbatchError
from afmbatch_client import Client, ClientError, Job
from afmbatch_client.torch import Batches, Loader
from examples.fit import MeanImage, Step, fit
from examples.held_out import HeldOut
from examples.service import running_service
from examples.task import HELD_OUT, RANGES, endless, molecules, spec
from examples.unet import UNet


def main(
    url: Annotated[
        str | None, typer.Option(help="Address of a service; without it, one is started and stopped here.")
    ] = None,
    steps: Annotated[int, typer.Option(min=2, help="Number of steps, of 20 samples each.")] = 1000,
    every: Annotated[int, typer.Option(min=1, help="Number of steps between two lines of output.")] = 50,
    output: Annotated[Path, typer.Option(help="Directory for the picture and the numbers.")] = Path("training-output"),
    seed: Annotated[int, typer.Option(min=0, help="Seed of the weights and of all samples.")] = 1,
) -> None:
    """Train a small network on a stream of simulated AFM images."""
    output.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(seed)
    torch.set_num_threads(max(1, len(os.sched_getaffinity(0)) - 1))  # leaves a core to the worker
    try:
        with running_service(url, output / "server.log") as address, Client(address) as client:
            run(client, steps, every, output, seed)
    except (AfmbatchError, ClientError) as e:
        raise SystemExit(f"train: {e}") from None


def run(client: Client, steps: int, every: int, output: Path, seed: int) -> None:
    """Train and test the network, and write the numbers and the picture. Raises ClientError."""
    console = Console(soft_wrap=True)
    known, held_out = molecules()
    tests = HeldOut.of(client.submit(spec(client.upload(held_out)["id"], seed)))
    console.print(f"{len(known)} molecules; {len(tests.afm)} samples of {len(held_out)} other molecules for tests")
    console.print("losses: squared error as a fraction of that of the mean image of all targets so far")
    network = UNet(tests.afm.shape[1], len(RANGES)).to(memory_format=torch.channels_last)
    mean = MeanImage()
    done: list[Step] = []
    curve: list[dict[str, float]] = []
    with _stream(client, endless(spec(client.upload(known)["id"], seed))) as job:
        for step in fit(network, Loader(Batches(job, arrays=["afm", "desc"])), steps, mean):
            done.append(step)
            if len(done) % every == 0 or len(done) == steps:
                recent = done[len(curve) * every :]
                curve.append({"step": len(done), **progress(recent), "held_out": tests.loss(network, mean)})
                console.print(_line(curve[-1]), highlight=False)
    numbers = {
        "torch": {"version": torch.__version__, "threads": torch.get_num_threads()},
        "samples": sum(s.samples for s in done),
        "seconds": sum(s.waited + s.worked for s in done),
        "first_batch_after_seconds": done[0].waited,
        "waiting": waiting(done[1:]),
        "held_out": {"molecules": HELD_OUT, "samples": len(tests.afm), "errors": tests.errors(network, mean)},
        "curve": curve,
    }
    (output / "training.json").write_text(json.dumps(numbers, indent=1) + "\n")
    tests.render(network, curve, output / "training.png")
    console.print(f"numbers in {output / 'training.json'}, predictions beside targets in {output / 'training.png'}")


def _line(point: dict[str, float]) -> str:
    return (
        f"step {point['step']:5}  loss {point['loss']:.3f}  held out {point['held_out']:.3f}  "
        f"{point['samples_per_second']:4.0f} samples/s  waiting {point['waiting']:.1%}"
    )


def progress(steps: Sequence[Step]) -> dict[str, float]:
    """Return the mean loss, the rate and the fraction of time spent waiting of these steps."""
    samples, waited = sum(s.samples for s in steps), sum(s.waited for s in steps)
    seconds = waited + sum(s.worked for s in steps)
    return {
        "loss": sum(s.loss * s.samples for s in steps) / samples,
        "samples_per_second": samples / seconds,
        "waiting": waited / seconds,
    }


def waiting(steps: Sequence[Step]) -> dict[str, float]:
    """Return the fraction of time spent waiting for data: overall, and its distribution over the steps."""
    fractions = [s.waited / (s.waited + s.worked) for s in steps]
    quantiles = statistics.quantiles(fractions, n=20, method="inclusive") if len(fractions) > 1 else fractions
    overall = sum(s.waited for s in steps) / sum(s.waited + s.worked for s in steps)
    return {
        "overall": overall,
        "median": statistics.median(fractions),
        "95_percent": quantiles[-1],
        "largest": max(fractions),
    }


@contextlib.contextmanager
def _stream(client: Client, spec: Mapping[str, Any]) -> Iterator[Job]:
    """Submit an endless job, and delete it at the end: it would wait for its reader forever."""
    job = client.submit(spec)
    try:
        yield job
    finally:
        job.delete()


if __name__ == "__main__":
    typer.run(main)
