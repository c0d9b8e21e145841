"""The batch file, format 1: an uncompressed npz whose bytes follow from its arrays alone."""

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from afmbatch.spec.descriptors import channel_names, own_arrays
from afmbatch.spec.job import JobSpec
from afmbatch.storage import zip_writer as stored_zip
from afmbatch.storage.zip_writer import Piece

FORMAT = 1
MEDIA_TYPE = "application/vnd.numpy.npz"
_ATOM_BYTES = 300  # about what an atom under a tip takes in a worker until it is on the device, all arrays together


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """B samples under T tips with D descriptor channels, ΣN atoms; lengths in Å.

    by_sample, first axis B:
    afm (T, nx, ny, n_out) f4, Δf in Hz (or what the noise options make of it), slice 0 farthest; desc (D, nx, ny) f4;
    desc_<name> (C, nx', ny') f4, each descriptor with a dim of its own; quality (T,) u1, flags of `Quality`;
    scan_windows (T, 2, 3) f4, in the frame of mols; rotation (3, 3) f4; distance (T,) f4; df_steps (T,) i4;
    tip_tilt (T, 2) f4; r0 (T,) f4; stiffness (T, 4) f4, N/m; structure, epoch, sample i8.
    Where the spec makes them differ: tip (T,) i4, which of its tips, swept or drawn ones; tip_element (T,) i4;
    tip_charges, tip_charge_z (T, 4) f4; tip_lj (T, 2) f4, radius Å and depth eV; sample_charges (T,) f4, the factor in
    them; offset (2,) f4; lattice (3, 3) f4, as imaged, NaN where there is none; crop (2,) i4, the image's first pixel
    in the scan; sweep i4; and of noise drift (T, n_out, 2) f4, gradient (T, 2) f4, noise_amplitude (T,) f4, cutouts
    (T, rectangles, 4) i4.
    by_atom, first axis ΣN, molecule b is mol_offsets[b]:mol_offsets[b+1]: mols (5,) f4, x y z q Z as the last tip
    images it; lj (T, 2) f4, radius Å and depth eV under each tip, where these are drawn.
    whole: desc_names (D,), meta JSON text.
    """

    by_sample: Mapping[str, NDArray[Any]]
    by_atom: Mapping[str, NDArray[Any]]
    mol_offsets: NDArray[np.int64]
    whole: Mapping[str, NDArray[Any]]

    def arrays(self) -> dict[str, NDArray[Any]]:
        """By name, in the order of the file."""
        return {**self.by_sample, **self.by_atom, "mol_offsets": self.mol_offsets, **self.whole}

    def part(self, begin: int, end: int) -> Self:
        """Samples begin … end − 1 as a batch of their own, whose arrays look into these."""
        offsets = self.mol_offsets[begin : end + 1]
        return type(self)(
            {name: array[begin:end] for name, array in self.by_sample.items()},
            {name: array[offsets[0] : offsets[-1]] for name, array in self.by_atom.items()},
            offsets - offsets[0],
            self.whole,
        )


def pieces(arrays: Mapping[str, NDArray[Any]]) -> Iterator[Piece]:
    """The npz file of these arrays, in pieces that look into them: no object arrays (ValueError)."""
    return stored_zip.pieces((f"{name}.npy", _npy(array)) for name, array in arrays.items())


def _npy(array: NDArray[Any]) -> Iterator[Piece]:
    yield npy_header(array.dtype, array.shape)
    # numpy's bytes: a memoryview itself can't be cast where a length is zero or the items are text
    yield np.ascontiguousarray(array).reshape(-1).view(np.uint8).data


@lru_cache(maxsize=1024)
def npy_header(dtype: np.dtype[Any], shape: tuple[int, ...]) -> bytes:
    """What stands before an array's bytes in a npy file."""
    if dtype.hasobject:
        raise ValueError("Object arrays can't be in a batch file")
    f = io.BytesIO()
    described = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(f, described)
    return f.getvalue()


def file_bytes(spec: JobSpec, samples: int) -> int:
    """About how large a batch file of so many samples is: its images."""
    nx, ny = spec.image_dim
    images = nx * ny * (len(spec.tips) * spec.scan.n_out + len(channel_names(spec.descriptors)))
    own = sum(len(d.channels) * d.dim[0] * d.dim[1] for d in own_arrays(spec.descriptors).values() if d.dim)
    return samples * 4 * (images + own)


def memory_bytes(spec: JobSpec, samples: int, atoms: float) -> int:
    """About what so many samples, of so many atoms in all, take of a worker's memory."""
    return file_bytes(spec, samples) + round(atoms * len(spec.tips) * _ATOM_BYTES)
