"""The batch file, format 1: an uncompressed npz whose bytes follow from its arrays alone."""

import hashlib
import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.contract.spec import JobSpec

FORMAT = 1
ENGINE = "1"  # raised whenever the bytes of any sample change: it is part of what makes a batch what it is
MEDIA_TYPE = "application/vnd.numpy.npz"
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time a zip can hold; members must not carry today's


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


def encode(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """The npz file of these arrays: stored members, fixed times, no object arrays (ValueError)."""
    f = io.BytesIO()
    with zipfile.ZipFile(f, "w", zipfile.ZIP_STORED) as z:
        for name, array in arrays.items():
            with z.open(zipfile.ZipInfo(f"{name}.npy", _EPOCH), "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.asarray(array, order="C"), version=(1, 0), allow_pickle=False)
    return f.getvalue()


def digest(data: bytes) -> str:
    """sha256 of a batch file, hexadecimal: its ETag."""
    return hashlib.sha256(data).hexdigest()


def file_bytes(spec: JobSpec, samples: int) -> int:
    """About how large a batch file of so many samples is: its images."""
    nx, ny, _ = spec.scan.dim
    return samples * nx * ny * 4 * (len(spec.tips) * spec.scan.n_out + len(spec.descriptors))
