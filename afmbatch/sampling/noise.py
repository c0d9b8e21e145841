"""What is drawn of a job's noise: for each image its own, however its sample's geometry was shared in a sweep."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from afmbatch.sampling import draws
from afmbatch.sampling.draws import Floats, Ints, Keys, RandomStream, Wanted
from afmbatch.spec.distributions import Scope
from afmbatch.spec.job import JobSpec
from afmbatch.spec.noise import Cutouts

_VALUES = 1 << 31  # in the second counter word: the numbers of single values, apart from those drawn here


@dataclass(frozen=True, slots=True, eq=False)
class NoiseParameters:
    """For n samples under T tips; None: not asked for.

    drift (n, T, n_out, 2) Å, of each slice against the first; gradient (n, T, 2) parts of a slice's range from edge to
    edge; amplitude (n, T) of the white noise, parts of a slice's range; cutouts (n, T, rectangles, 4) pixels x0, y0,
    x1, y1, the last ones not in it; counter (n, T, 3) uint32, by which an image's white noise is keyed.
    """

    drift: Floats | None
    gradient: Floats | None
    amplitude: Floats | None
    cutouts: Ints | None
    counter: NDArray[np.uint32]


def draw_noise(spec: JobSpec, keys: Keys) -> NoiseParameters:
    """The noise of samples, keyed by their numbers with their place in the sweep."""
    noise, white = spec.noise, spec.noise.white
    wanted: list[tuple[RandomStream, Scope, int]] = []
    if noise.drift is not None and spec.scan.n_out > 1:
        wanted.append((RandomStream.DRIFT, "tip", spec.scan.n_out - 1))
    if noise.gradient is not None:
        wanted += [(RandomStream.GRADIENT, noise.gradient.scope, 1), (RandomStream.GRADIENT_DIRECTION, "tip", 1)]
    if white is not None:
        wanted.append((RandomStream.WHITE_AMPLITUDE, white.amplitude.scope, 1))
    if noise.cutouts is not None:
        wanted += [(stream, "tip", noise.cutouts.n) for stream in (RandomStream.CUTOUT_SIZE, RandomStream.CUTOUT_PLACE)]
    units = dict(zip([w[0] for w in wanted], keys.units(*(Wanted(*w) for w in wanted)), strict=True)) if wanted else {}
    shape = len(keys.sample), keys.tips
    drift = gradient = amplitude = cutouts = None
    if noise.drift is not None:
        drift = np.zeros((*shape, spec.scan.n_out, 2))
        if RandomStream.DRIFT in units:
            drift[:, :, 1:] = np.cumsum(draws.on_disk(noise.drift, units[RandomStream.DRIFT]), axis=2)
    if noise.gradient is not None:
        slope = draws.number(noise.gradient, units[RandomStream.GRADIENT][..., 0])
        cosine, sine = draws.turn(360.0 * units[RandomStream.GRADIENT_DIRECTION][0, ..., 0])
        gradient = slope[..., None] * np.stack([cosine, sine], axis=-1)
    if white is not None:
        drawn = draws.number(white.amplitude, units[RandomStream.WHITE_AMPLITUDE][..., 0])
        amplitude = np.broadcast_to(drawn, shape)
    if noise.cutouts is not None:
        cutouts = _rectangles(
            noise.cutouts, spec.image_dim, units[RandomStream.CUTOUT_SIZE], units[RandomStream.CUTOUT_PLACE]
        )
    counter = np.empty((*shape, 3), dtype=np.uint32)
    counter[..., 0] = (keys.sample & 0xFFFFFFFF)[:, None]
    counter[..., 1] = (keys.sample >> 32)[:, None] | _VALUES
    counter[..., 2] = np.arange(keys.tips)
    return NoiseParameters(drift, gradient, amplitude, cutouts, counter)


def _rectangles(cutouts: Cutouts, dim: tuple[int, int], size: Floats, place: Floats) -> Ints:
    least, most = cutouts.side
    low, high = [], []
    for pixels, for_size, for_place in zip(dim, size, place, strict=True):
        side = np.minimum(draws.evenly(least, most, for_size), pixels)
        begin = np.floor((pixels - side + 1) * for_place).astype(np.int64)
        low.append(begin)
        high.append(begin + side)
    return np.stack([*low, *high], axis=-1)
