"""The training steps, and a loss that compares the network with the mean image."""

import itertools
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import nn

from afmbatch_client.torch import Tensors
from examples.task import RANGES

_LEARNING_RATE = 4e-3


@dataclass(frozen=True, slots=True)
class Step:
    """A training step on one batch."""

    samples: int
    loss: float  #: 1 for the mean image.
    waited: float  #: Seconds spent waiting for the batch.
    worked: float  #: Seconds spent on the network.


class MeanImage:
    """A prediction that is always the same: the mean of all targets so far."""

    def __init__(self) -> None:
        self._sum = torch.zeros(())
        self._n = 0

    def add(self, wanted: torch.Tensor) -> None:
        """Add targets, (B, D, nx, ny)."""
        self._sum = self._sum + wanted.sum(dim=0)
        self._n += len(wanted)

    def predict(self) -> torch.Tensor:
        """Return the mean image, (D, nx, ny)."""
        return self._sum / self._n


def images(batch: Tensors) -> torch.Tensor:
    """Return the images of a batch, (B, slices, nx, ny), as a view.

    Slices are the last axis of the array, which is the memory format channels_last, the faster one.
    """
    return batch["afm"][:, 0].permute(0, 3, 1, 2)


def targets(batch: Tensors) -> torch.Tensor:
    """Return the descriptors of a batch, (B, D, nx, ny), each scaled from its range to 0 … 1."""
    low, high = torch.tensor(list(RANGES.values())).T[:, :, None, None]
    return (batch["desc"] - low) / (high - low)


def errors(predicted: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """Return the mean squared errors of predictions, (B, D)."""
    return (predicted - wanted).square().mean(dim=(2, 3))


def loss_of(predicted: torch.Tensor, wanted: torch.Tensor, mean: MeanImage) -> torch.Tensor:
    """Return the squared errors as fractions of those of the mean image, so that sparse descriptors count as much."""
    return (errors(predicted, wanted).mean(dim=0) / errors(mean.predict(), wanted).mean(dim=0)).mean()


def predict(network: nn.Module, seen: torch.Tensor) -> torch.Tensor:
    """Return the predictions of a network in evaluation mode, (B, D, nx, ny)."""
    network.eval()
    with torch.no_grad():
        predicted = torch.cat([network(part) for part in seen.split(20)])
    network.train()
    return predicted


def fit(network: nn.Module, batches: Iterable[Tensors], steps: int, mean: MeanImage) -> Iterator[Step]:
    """Train for so many steps, one a batch, and yield each. `mean` gets the targets of a batch before its loss.

    The time that the caller takes between two steps counts for neither.
    """
    optimiser = torch.optim.AdamW(network.parameters())
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, _LEARNING_RATE, total_steps=steps)
    began = time.perf_counter()
    for batch in itertools.islice(batches, steps):
        received = time.perf_counter()
        wanted = targets(batch)
        mean.add(wanted)
        loss = loss_of(network(images(batch)), wanted, mean)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        done = time.perf_counter()
        yield Step(len(wanted), loss.item(), received - began, done - received)
        began = time.perf_counter()
