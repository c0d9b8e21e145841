"""Training, step by step: what each cost, and how much better the network is than the mean image."""

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
    """Of one batch: the loss, which is 1 for the mean image, and where the seconds went."""

    samples: int
    loss: float
    waited: float
    worked: float


class MeanImage:
    """What always predicts the same: the mean of all targets so far."""

    def __init__(self) -> None:
        self._sum = torch.zeros(())
        self._n = 0

    def add(self, wanted: torch.Tensor) -> None:
        """(B, D, nx, ny) more targets."""
        self._sum = self._sum + wanted.sum(dim=0)
        self._n += len(wanted)

    def predict(self) -> torch.Tensor:
        """(D, nx, ny)"""
        return self._sum / self._n


def images(batch: Tensors) -> torch.Tensor:
    """(B, slices, nx, ny), a view: in a batch slices are the last axis, which torch calls channels_last and likes."""
    return batch["afm"][:, 0].permute(0, 3, 1, 2)


def targets(batch: Tensors) -> torch.Tensor:
    """(B, D, nx, ny) descriptors, each from 0 to 1 over its range."""
    low, high = torch.tensor(list(RANGES.values())).T[:, :, None, None]
    return (batch["desc"] - low) / (high - low)


def errors(predicted: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """(B, D) mean squared errors."""
    return (predicted - wanted).square().mean(dim=(2, 3))


def loss_of(predicted: torch.Tensor, wanted: torch.Tensor, mean: MeanImage) -> torch.Tensor:
    """Squared errors as parts of the mean image's, so that sparse descriptors count as much as others."""
    return (errors(predicted, wanted).mean(dim=0) / errors(mean.predict(), wanted).mean(dim=0)).mean()


def predict(network: nn.Module, seen: torch.Tensor) -> torch.Tensor:
    """(B, D, nx, ny) predictions of a network that is not learning."""
    network.eval()
    with torch.no_grad():
        predicted = torch.cat([network(some) for some in seen.split(20)])
    network.train()
    return predicted


def fit(network: nn.Module, batches: Iterable[Tensors], steps: int, mean: MeanImage) -> Iterator[Step]:
    """One step a batch, for so many batches; `mean` gets their targets first. Time between steps counts for none."""
    optimiser = torch.optim.AdamW(network.parameters())
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, _LEARNING_RATE, total_steps=steps)
    began = time.perf_counter()
    for batch in itertools.islice(batches, steps):
        there = time.perf_counter()
        wanted = targets(batch)
        mean.add(wanted)
        loss = loss_of(network(images(batch)), wanted, mean)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        done = time.perf_counter()
        yield Step(len(wanted), loss.item(), there - began, done - there)
        began = time.perf_counter()
