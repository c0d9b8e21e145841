"""Molecules that the network does not learn from: how well it does on them."""

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
    """All their samples: Δf, descriptors, and which molecule it is, as HELD_OUT counts them."""

    seen: torch.Tensor
    wanted: torch.Tensor
    molecule: torch.Tensor

    @classmethod
    def of(cls, job: Job) -> Self:
        """What a job makes."""
        parts = [(images(b), targets(b), b["structure"]) for b in Loader(Batches(job))]
        return cls(*(torch.cat(part) for part in zip(*parts, strict=True)))

    def loss(self, network: nn.Module, mean: MeanImage) -> float:
        """As in training; the mean image is that of what the network learned from."""
        return float(loss_of(predict(network, self.seen), self.wanted, mean))

    def errors(self, network: nn.Module, mean: MeanImage) -> dict[str, dict[str, float]]:
        """Mean squared errors of each descriptor, by the network and by the mean image."""
        by_network = errors(predict(network, self.seen), self.wanted).mean(dim=0).tolist()
        by_mean = errors(mean.predict(), self.wanted).mean(dim=0).tolist()
        return {d: {"network": n, "mean_image": m} for d, n, m in zip(RANGES, by_network, by_mean, strict=True)}

    def draw(self, network: nn.Module, curve: Sequence[dict[str, float]], target: Path) -> None:
        """A picture of one sample a molecule, predicted neither well nor badly: that of median error."""
        predicted = predict(network, self.seen)
        error = errors(predicted, self.wanted).mean(dim=1)
        rows = []
        for molecule in range(len(HELD_OUT)):
            samples = torch.nonzero(self.molecule == molecule)[:, 0]
            rows.append(int(samples[error[samples].argsort()[len(samples) // 2]]))
        seen, wanted = self.seen[rows].numpy(), self.wanted[rows].numpy()
        draw(HELD_OUT, seen, predicted[rows].numpy(), wanted, [d.replace("_", " ") for d in RANGES], curve, target)
