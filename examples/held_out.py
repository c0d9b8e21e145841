"""Tests the network on molecules that it does not learn from."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import torch
from torch import nn

from afmbatch_client import Job
from afmbatch_client.torch import Batches, Loader
from examples.fit import MeanImage, errors, images, loss_of, predict, targets
from examples.picture import draw
from examples.task import HELD_OUT, RANGES


@dataclass(frozen=True, slots=True)
class HeldOut:
    """The samples of the molecules held out."""

    seen: torch.Tensor  #: (N, slices, nx, ny), Δf.
    wanted: torch.Tensor  #: (N, D, nx, ny), descriptors from 0 to 1.
    molecule: torch.Tensor  #: (N,), index of the molecule in HELD_OUT.

    @classmethod
    def of(cls, job: Job) -> Self:
        """Read all samples of a job."""
        parts = [(images(b), targets(b), b["structure"]) for b in Loader(Batches(job))]
        return cls(*(torch.cat(part) for part in zip(*parts, strict=True)))

    def loss(self, network: nn.Module, mean: MeanImage) -> float:
        """Return the loss as in training, with the mean image of the targets that the network learned from."""
        return float(loss_of(predict(network, self.seen), self.wanted, mean))

    def errors(self, network: nn.Module, mean: MeanImage) -> dict[str, dict[str, float]]:
        """Return the mean squared error of each descriptor, of the network and of the mean image."""
        by_network = errors(predict(network, self.seen), self.wanted).mean(dim=0).tolist()
        by_mean = errors(mean.predict(), self.wanted).mean(dim=0).tolist()
        return {d: {"network": n, "mean_image": m} for d, n, m in zip(RANGES, by_network, by_mean, strict=True)}

    def draw(self, network: nn.Module, curve: Sequence[dict[str, float]], target: Path) -> None:
        """Draw one sample of each molecule: the one whose error is the median."""
        predicted = predict(network, self.seen)
        error = errors(predicted, self.wanted).mean(dim=1)
        rows = []
        for molecule in range(len(HELD_OUT)):
            samples = torch.nonzero(self.molecule == molecule)[:, 0]
            rows.append(int(samples[error[samples].argsort()[len(samples) // 2]]))
        seen, wanted = self.seen[rows].numpy(), self.wanted[rows].numpy()
        draw(HELD_OUT, seen, predicted[rows].numpy(), wanted, [d.replace("_", " ") for d in RANGES], curve, target)
