"""Filling a float32 grid from a stream of numbers, with little memory besides the grid."""

from collections.abc import Iterable
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from afmbatch.grids.refusal import refusal, too_large

MAX_POINTS = 1 << 28  # 1 GiB as float32
MAX_POINTS_PER_AXIS = 2048  # a plane is buffered whole: 16 MiB
SLAB_VALUES = 1 << 20

Shape = tuple[int, int, int]


class ValueOrder(Enum):
    """The index that changes fastest from one number of a file to the next."""

    Z_FASTEST = "z"
    X_FASTEST = "x"


def check_shape(shape: Shape, where: str) -> None:
    """Raise InvalidInput for a grid that is too small, TooLarge for one over the limits; `where` is for errors."""
    n = "×".join(map(str, shape))
    accepted = f"2 to {MAX_POINTS_PER_AXIS} points along each axis, at most {MAX_POINTS} points in all"
    if min(shape) < 2:
        raise refusal(where, n, "the grid has fewer than 2 points along an axis", accepted)
    if max(shape) > MAX_POINTS_PER_AXIS or np.prod(shape, dtype=object) > MAX_POINTS:
        raise too_large(where, n, "the grid has too many points", accepted)


def fill_grid(
    shape: Shape, blocks: Iterable[NDArray[np.floating]], order: ValueOrder, factor: float, where: str
) -> NDArray[np.float32]:
    """Return the numbers of all blocks times the factor as a float32 array of the shape, C order.

    blocks: arrays of any lengths that hold as many numbers as the shape has points. Raises InvalidInput for a number
    that is not finite, or not finite in float32.
    """
    flat_shape = shape if order is ValueOrder.Z_FASTEST else shape[::-1]
    values = np.empty(shape, np.float32)
    if order is ValueOrder.Z_FASTEST:
        flat = values.reshape(-1)
        done = 0
        for block in _converted(blocks, factor, flat_shape, order, where):
            flat[done : done + len(block)] = block
            done += len(block)
        return values
    nx, ny, nz = shape
    # Planes are collected in slabs: a slab of 16 planes writes whole cache lines of the transposed grid.
    slab = np.empty((min(nz, max(16, SLAB_VALUES // (nx * ny))), ny, nx), np.float32)
    flat = slab.reshape(-1)
    begin = filled = 0
    for block in _converted(blocks, factor, flat_shape, order, where):
        while len(block):
            taken = block[: min(len(block), (nz - begin) * nx * ny - filled, len(flat) - filled)]
            flat[filled : filled + len(taken)] = taken
            filled += len(taken)
            block = block[len(taken) :]
            planes = filled // (nx * ny)
            if filled == len(flat) or begin + planes == nz:
                values[:, :, begin : begin + planes] = slab[:planes].transpose(2, 1, 0)
                begin, filled = begin + planes, 0
    return values


def _converted(
    blocks: Iterable[NDArray[np.floating]], factor: float, file_shape: Shape, order: ValueOrder, where: str
) -> Iterable[NDArray[np.float32]]:
    """Yield the blocks times the factor as float32. Raises InvalidInput at the first number that is not finite."""
    done = 0
    for block in blocks:
        with np.errstate(over="ignore", invalid="ignore"):
            converted = (block * np.float64(factor)).astype(np.float32)
        finite = np.isfinite(converted)
        if not finite.all():
            i = int(np.argmin(finite))
            index = np.unravel_index(done + i, file_shape)
            point = index if order is ValueOrder.Z_FASTEST else index[::-1]
            at = f"value {done + i + 1}, at grid point ({', '.join(str(int(p)) for p in point)}),"
            raise refusal(where, repr(float(block[i])), f"{at} is not a finite number", "finite numbers everywhere")
        done += len(block)
        yield converted
