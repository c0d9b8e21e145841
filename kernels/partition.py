"""A batch is cut into partitions that fit on a device: whole molecules if they fit, else rows of images."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from kernels.atoms import Ints
from kernels.errors import DeviceLimit


@dataclass(frozen=True)
class Partition:
    """A part of a batch that is on the device at once: these rows of these images, and the maps of these molecules."""

    images: range
    rows: range
    molecules: range


def partition_batch(
    molecule: Ints, nx: int, row_granularity: int, row_bytes: int, map_bytes: int, max_bytes: int
) -> Iterator[Partition]:
    """Cut a batch into partitions of at most `max_bytes`, in the order of its images.

    molecule: (M,) i8, the molecule of each image, ascending.
    nx: the number of rows of an image.
    row_granularity: the first row of a partition is a multiple of this number.
    row_bytes: the bytes of one row of an image.
    map_bytes: the bytes of all maps of one molecule.

    Raises DeviceLimit if `row_granularity` rows of an image, or the maps of one molecule, do not fit.
    """
    rows = min(row_granularity, nx)
    for content, size in ((f"{rows} rows of an image", rows * row_bytes), ("the maps of one molecule", map_bytes)):
        if size > max_bytes:
            raise DeviceLimit(
                f"scan.dim: {content} take {size} bytes of device memory, {max(max_bytes, 0)} are left for results"
            )
    bounds = np.concatenate(([0], np.flatnonzero(np.diff(molecule)) + 1, [len(molecule)])).tolist()
    begin = 0
    while begin < len(bounds) - 1:
        end = begin + 1
        while (
            end < len(bounds) - 1
            and (bounds[end + 1] - bounds[begin]) * nx * row_bytes + (end + 1 - begin) * map_bytes <= max_bytes
        ):
            end += 1
        images = range(bounds[begin], bounds[end])
        if len(images) * nx * row_bytes + (end - begin) * map_bytes <= max_bytes:
            yield Partition(images, range(nx), range(begin, end))
        else:
            fitting = max_bytes // row_bytes
            yield from _rows(images, nx, nx if fitting >= nx else fitting // row_granularity * row_granularity)
            yield Partition(range(images.stop - 1, images.stop), range(0), range(begin, end))
        begin = end


def _rows(images: range, nx: int, step: int) -> Iterator[Partition]:
    for image in images:
        for row in range(0, nx, step):
            yield Partition(range(image, image + 1), range(row, min(row + step, nx)), range(0))
