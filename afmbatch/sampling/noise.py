"""Parameters of the noise steps: one sampler for each model of `afmbatch.spec.noise`.

Each image gets noise of its own: other than its geometry, it is not shared by the combinations of a sweep.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from functools import singledispatch
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from afmbatch.sampling.distributions import cosine_and_sine, sample_disk, sample_number, uniform_integer
from afmbatch.sampling.random_numbers import SampleKeys, UniformRequest
from afmbatch.spec.job import JobSpec
from afmbatch.spec.noise import Cutouts, Drift, Gradient, NoiseStep, Normalise, WhiteNoise

#: Parameters of a step's kernel by name: arrays whose first axes are n samples and T tips, or scalars.
StepParameters: TypeAlias = Mapping[str, NDArray[Any] | int | str]

_PER_VALUE = 1 << 31  # set in the second counter word of numbers generated in the kernel, which keeps them apart


class NoiseStream(IntEnum):
    """The uses of random numbers in noise steps, numbered after those of RandomStream.

    A number once given is never used for anything else.
    """

    DRIFT = 17
    GRADIENT = 18
    GRADIENT_DIRECTION = 19
    WHITE_AMPLITUDE = 20
    CUTOUT_SIZE = 21
    CUTOUT_PLACE = 22
    WHITE = 23  # in the kernel, for each value


@dataclass(frozen=True, slots=True, eq=False)
class NoisyImages:
    """The images of n samples under T tips that noise steps are sampled for."""

    keys: SampleKeys
    dim: tuple[int, int]  #: pixels of an image along x and y
    n_out: int  #: slices of an image

    @property
    def shape(self) -> tuple[int, int]:
        """The number of samples n and of tips T."""
        return len(self.keys.sample), self.keys.tips


@singledispatch
def sample_step(step: NoiseStep, images: NoisyImages) -> StepParameters:
    """Return the parameters of a noise step for these images. Each model of a step registers its sampler here."""
    raise NotImplementedError(f"the noise step {step.kind!r} has no sampler")


@sample_step.register
def _(step: Drift, images: NoisyImages) -> StepParameters:
    """Return drift: (n, T, n_out, 2) float64, displacement of each slice against the first, Å."""
    drift = np.zeros((*images.shape, images.n_out, 2))
    if images.n_out > 1:
        [units] = images.keys.uniform([UniformRequest(NoiseStream.DRIFT, "tip", images.n_out - 1)])
        drift[:, :, 1:] = np.cumsum(sample_disk(step.radius, units), axis=2)
    return {"drift": drift}


@sample_step.register
def _(step: Normalise, images: NoisyImages) -> StepParameters:
    """Return nothing: normalising has no parameters."""
    return {}


@sample_step.register
def _(step: Gradient, images: NoisyImages) -> StepParameters:
    """Return gradient: (n, T, 2) float64, rise along x and y from edge to edge, as a share of a slice's range."""
    requests = [
        UniformRequest(NoiseStream.GRADIENT, step.slope.scope),
        UniformRequest(NoiseStream.GRADIENT_DIRECTION, "tip"),
    ]
    for_slope, for_direction = images.keys.uniform(requests)
    slope = sample_number(step.slope, for_slope[..., 0])
    cosine, sine = cosine_and_sine(360.0 * for_direction[0, ..., 0])
    return {"gradient": slope[..., None] * np.stack([cosine, sine], axis=-1)}


@sample_step.register
def _(step: WhiteNoise, images: NoisyImages) -> StepParameters:
    """Return the parameters of white noise.

    amplitude: (n, T) float64, as a share of a slice's range; distribution: that of the model; key: the seed;
    counter: (n, T, 3) uint32, the first three counter words of each image.
    """
    keys = images.keys
    [units] = keys.uniform([UniformRequest(NoiseStream.WHITE_AMPLITUDE, step.amplitude.scope)])
    counter = np.empty((*images.shape, 3), dtype=np.uint32)
    counter[..., 0] = (keys.sample & 0xFFFFFFFF)[:, None]
    counter[..., 1] = (keys.sample >> 32)[:, None] | _PER_VALUE
    counter[..., 2] = np.arange(keys.tips)
    return {
        "amplitude": np.broadcast_to(sample_number(step.amplitude, units[..., 0]), images.shape),
        "distribution": step.distribution,
        "key": keys.seed,
        "counter": counter,
    }


@sample_step.register
def _(step: Cutouts, images: NoisyImages) -> StepParameters:
    """Return rectangles: (n, T, step.n, 4) int64, pixels x0, y0, x1, y1, of which x1 and y1 are outside."""
    requests = [UniformRequest(stream, "tip", step.n) for stream in (NoiseStream.CUTOUT_SIZE, NoiseStream.CUTOUT_PLACE)]
    sizes, places = images.keys.uniform(requests)
    low, high = [], []
    for pixels, for_size, for_place in zip(images.dim, sizes, places, strict=True):
        side = np.minimum(uniform_integer(*step.side, for_size), pixels)
        begin = np.floor((pixels - side + 1) * for_place).astype(np.int64)
        low.append(begin)
        high.append(begin + side)
    return {"rectangles": np.stack([*low, *high], axis=-1)}


def sample_noise(spec: JobSpec, keys: SampleKeys) -> list[StepParameters]:
    """Return the parameters of each noise step of a spec, in order.

    keys.sample: sample numbers with their place in the sweep, since each combination has noise of its own.
    """
    images = NoisyImages(keys, spec.image_dim, spec.scan.n_out)
    return [sample_step(step, images) for step in spec.noise]
