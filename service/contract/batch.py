"""The batch file, format 1: an uncompressed npz whose bytes follow from its arrays alone."""

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from service.contract import stored_zip
from service.contract.spec import JobSpec
from service.contract.stored_zip import Piece

FORMAT = 1
_NOT_BY_SAMPLE = {"desc_names", "mols", "mol_offsets", "meta"}
MEDIA_TYPE = "application/vnd.numpy.npz"


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """B samples under T tips with D descriptor channels, ΣN atoms; lengths in Å.

    afm: (B, T, nx, ny, n_out) f4, Δf in Hz, slice 0 farthest; desc: (B, D, nx, ny) f4, named by desc_names (D,);
    mols: (ΣN, 5) f4, x y z q Z as imaged, molecule b is mols[mol_offsets[b]:mol_offsets[b+1]], mol_offsets: (B+1,) i8;
    scan_windows: (B, T, 2, 3) f4, in the frame of mols; rotation: (B, 3, 3) f4; distance: (B, T) f4;
    tip_tilt: (B, T, 2) f4; r0: (B, T) f4; stiffness: (B, T, 4) f4, N/m; df_steps: (B, T) i4;
    structure, sample: (B,) i8; quality: (B, T) u1, flags of `Quality`; meta: JSON text.
    """

    afm: NDArray[np.float32]
    desc: NDArray[np.float32]
    desc_names: NDArray[np.str_]
    mols: NDArray[np.float32]
    mol_offsets: NDArray[np.int64]
    scan_windows: NDArray[np.float32]
    rotation: NDArray[np.float32]
    distance: NDArray[np.float32]
    tip_tilt: NDArray[np.float32]
    r0: NDArray[np.float32]
    stiffness: NDArray[np.float32]
    df_steps: NDArray[np.int32]
    structure: NDArray[np.int64]
    sample: NDArray[np.int64]
    quality: NDArray[np.uint8]
    meta: NDArray[np.str_]

    def arrays(self) -> dict[str, NDArray[Any]]:
        """By name, in the order of the file."""
        return {name: getattr(self, name) for name in self.__slots__}

    def part(self, begin: int, end: int) -> Self:
        """Samples begin … end − 1 as a batch of their own, whose arrays look into these."""
        offsets = self.mol_offsets[begin : end + 1]
        parts = {name: array[begin:end] for name, array in self.arrays().items() if name not in _NOT_BY_SAMPLE}
        return replace(self, mols=self.mols[offsets[0] : offsets[-1]], mol_offsets=offsets - offsets[0], **parts)


def pieces(arrays: Mapping[str, NDArray[Any]]) -> Iterator[Piece]:
    """The npz file of these arrays, in pieces that look into them: no object arrays (ValueError)."""
    return stored_zip.pieces((f"{name}.npy", _npy(array)) for name, array in arrays.items())


def _npy(array: NDArray[Any]) -> Iterator[Piece]:
    yield _npy_header(array.dtype, array.shape)
    # numpy's bytes: a memoryview itself can't be cast where a length is zero or the items are text
    yield np.ascontiguousarray(array).reshape(-1).view(np.uint8).data


@lru_cache(maxsize=1024)
def _npy_header(dtype: np.dtype[Any], shape: tuple[int, ...]) -> bytes:
    if dtype.hasobject:
        raise ValueError("Object arrays can't be in a batch file")
    f = io.BytesIO()
    described = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(f, described)
    return f.getvalue()


def file_bytes(spec: JobSpec, samples: int) -> int:
    """About how large a batch file of so many samples is: its images."""
    nx, ny, _ = spec.scan.dim
    return samples * nx * ny * 4 * (len(spec.tips) * spec.scan.n_out + len(spec.descriptors))
