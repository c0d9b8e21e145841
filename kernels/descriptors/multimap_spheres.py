"""multimap_spheres and multimap_spheres_elements (physics.md §7): vdw_spheres in channels by radius or by element."""

from abc import abstractmethod
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import ClassVar

import numpy as np

from kernels.atoms import Atoms, Floats, Ints
from kernels.descriptors.base import DESCRIPTORS, AtomMap, Records, pack, require_below_zero
from kernels.descriptors.vdw_spheres import spheres
from kernels.errors import InvalidInput


class _Multimap(AtomMap):
    """Spheres in channels; the subclass assigns atoms to channels."""

    file: ClassVar[Path] = Path(__file__).with_suffix(".cl")
    #: The lowest value of the maps, Å, below 0.
    zmin: float
    #: A length added to every van der Waals radius in the maps, Å.
    r_pp: float
    #: True: a channel shows only spheres that no other channel covers.
    occlusion: bool

    @abstractmethod
    def channel_of(self, atoms: Atoms) -> Ints:
        """Return the channel of each atom, (N,) i8; raises InvalidInput."""

    def records(self, atoms: Atoms, xy: Floats) -> Records:
        """Return x, y, height below the top and squared radius of each sphere, by molecule and channel."""
        group = atoms.molecule * self.channels + self.channel_of(atoms)
        order = np.argsort(group, kind="stable")
        columns = [column[order] for column in (xy[:, 0], xy[:, 1], *spheres(atoms, self.r_pp))]
        return pack(columns, group[order], atoms.molecules * self.channels)

    def parameters(self) -> tuple[np.float32 | np.int32, ...]:
        """Return zmin, the number of channels and occlusion."""
        return np.float32(self.zmin), np.int32(self.channels), np.int32(self.occlusion)


@DESCRIPTORS.register
@dataclass(frozen=True)
class MultimapSpheres(_Multimap):
    """Heights, Å, of van der Waals spheres in channels by radius, relative to the highest sphere's top.

    Radii below those of the first channel count for the first channel, radii above those of the last channel for the
    last.
    """

    KIND: ClassVar[str] = "multimap_spheres"
    #: The number of channels.
    n_channels: int
    #: The van der Waals radius at which the first channel begins, Å.
    r_min: float
    #: The difference of radii from channel to channel, Å.
    r_step: float
    #: The lowest value of the maps, Å, below 0.
    zmin: float
    #: A length added to every van der Waals radius in the maps, Å.
    r_pp: float
    #: True: a channel shows only spheres that no other channel covers.
    occlusion: bool

    def __post_init__(self) -> None:
        require_below_zero("zmin", self.zmin)
        if self.n_channels < 1:
            raise InvalidInput(f"n_channels: must be at least 1, got {self.n_channels}")
        if not self.r_step > 0:
            raise InvalidInput(f"r_step: must be above 0 (Å), got {self.r_step}")

    @property
    def channels(self) -> int:
        """The number of channels."""
        return self.n_channels

    def channel_of(self, atoms: Atoms) -> Ints:
        """Return the channel by van der Waals radius, truncated towards 0 (physics.md §7)."""
        step = np.trunc((atoms.vdw_radius - self.r_min) / self.r_step)
        return np.asarray(step.clip(0, self.n_channels - 1), np.int64)


@DESCRIPTORS.register
@dataclass(frozen=True)
class MultimapSpheresElements(_Multimap):
    """Heights, Å, of van der Waals spheres in channels by element, relative to the highest sphere's top.

    `channel_of` raises InvalidInput if an element is in no channel or the atomic numbers are unknown.
    """

    KIND: ClassVar[str] = "multimap_spheres_elements"
    #: The atomic numbers of each channel.
    elements: tuple[tuple[int, ...], ...]
    #: The lowest value of the maps, Å, below 0.
    zmin: float
    #: A length added to every van der Waals radius, Å.
    r_pp: float
    #: True: a channel shows only spheres that no other channel covers.
    occlusion: bool

    def __post_init__(self) -> None:
        require_below_zero("zmin", self.zmin)
        object.__setattr__(self, "elements", tuple(map(tuple, self.elements)))
        listed = list(chain.from_iterable(self.elements))
        if not self.elements or len(set(listed)) < len(listed) or any(int(z) != z or z < 0 for z in listed):
            raise InvalidInput(
                "elements: expected at least one list of atomic numbers, each number in one list only, "
                f"got {self.elements}"
            )

    @property
    def channels(self) -> int:
        """The number of lists of elements."""
        return len(self.elements)

    def channel_of(self, atoms: Atoms) -> Ints:
        """Return the index of the list that has the atom's number."""
        if atoms.number is None:
            raise InvalidInput("number: maps by element need the atomic numbers of the atoms")
        table = np.full(max([*chain.from_iterable(self.elements), int(atoms.number.max())]) + 1, -1)
        for channel, members in enumerate(self.elements):
            table[list(members)] = channel
        channels = table[atoms.number]
        if (channels < 0).any():
            missing = ", ".join(map(str, np.unique(atoms.number[channels < 0])))
            raise InvalidInput(f"elements: no channel has the elements of atomic number {missing}")
        return np.asarray(channels)
