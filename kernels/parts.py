"""Cutting a batch into parts that fit a device: whole molecules as long as one fits, else rows of single images."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from kernels.atoms import Ints
from kernels.errors import DeviceLimit


@dataclass(frozen=True)
class Part:
    """What is on the device at once: these rows of these images, and the maps of these molecules."""

    images: range
    rows: range
    molecules: range


def cut(molecule: Ints, nx: int, together: int, row_bytes: int, map_bytes: int, limit: int) -> Iterator[Part]:
    """Parts of at most `limit` bytes, in the order of the images.

    molecule: (M,) ascending, which molecule each image shows; together: rows of an image that must not be parted;
    row_bytes: a row of an image; map_bytes: all maps of a molecule. Raises DeviceLimit where so many rows of an image
    or the maps of a molecule do not fit.
    """
    least = min(together, nx)
    for what, size in ((f"{least} rows of an image", least * row_bytes), ("the maps of one molecule", map_bytes)):
        if size > limit:
            raise DeviceLimit(f"scan.dim: {what} take {size} bytes on the device, {limit} are allowed")
    bounds = np.concatenate(([0], np.flatnonzero(np.diff(molecule)) + 1, [len(molecule)])).tolist()
    begin = 0
    while begin < len(bounds) - 1:
        end = begin + 1
        while (
            end < len(bounds) - 1
            and (bounds[end + 1] - bounds[begin]) * nx * row_bytes + (end + 1 - begin) * map_bytes <= limit
        ):
            end += 1
        images = range(bounds[begin], bounds[end])
        if len(images) * nx * row_bytes + (end - begin) * map_bytes <= limit:
            yield Part(images, range(nx), range(begin, end))
        else:
            fit = limit // row_bytes
            yield from _rows(images, nx, nx if fit >= nx else fit // together * together)
            yield Part(range(images.stop - 1, images.stop), range(0), range(begin, end))
        begin = end


def _rows(images: range, nx: int, fit: int) -> Iterator[Part]:
    for image in images:
        for row in range(0, nx, fit):
            yield Part(range(image, image + 1), range(row, min(row + fit, nx)), range(0))
