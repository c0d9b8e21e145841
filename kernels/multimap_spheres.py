"""multimap_spheres and multimap_spheres_elements (physics.md §7): vdw_spheres in channels by radius or by element."""

from abc import abstractmethod
from dataclasses import dataclass
from itertools import chain
from typing import ClassVar

import numpy as np

from kernels.atoms import Atoms, Floats, Ints
from kernels.descriptor import AtomMap, Records, below_zero, pack
from kernels.errors import InvalidInput
from kernels.vdw_spheres import spheres


class _Multimap(AtomMap):
    """Spheres in channels; which one an atom's is in is for the subclass to say."""

    zmin: float
    r_pp: float
    occlusion: bool

    @property
    def kernel(self) -> str:
        """One for both."""
        return "multimap_spheres"

    @abstractmethod
    def channel_of(self, atoms: Atoms) -> Ints:
        """(N,): the channel of each atom."""

    def records(self, atoms: Atoms, xy: Floats) -> Records:
        """x, y, height below the top, squared radius, by molecule and channel."""
        group = atoms.molecule * self.channels + self.channel_of(atoms)
        order = np.argsort(group, kind="stable")
        columns = [column[order] for column in (xy[:, 0], xy[:, 1], *spheres(atoms, self.r_pp))]
        return pack(columns, group[order], atoms.molecules * self.channels)

    def parameters(self) -> tuple[np.float32 | np.int32, ...]:
        """zmin, how many channels, occlusion."""
        return np.float32(self.zmin), np.int32(self.channels), np.int32(self.occlusion)


@dataclass(frozen=True)
class MultimapSpheres(_Multimap):
    """n_channels of spheres whose van der Waals radii begin at r_min and grow by r_step from channel to channel, Å.

    Smaller ones are in the first channel, larger ones in the last. zmin Å, where the maps end below the top of all
    channels; r_pp Å, added to the radii; occlusion: a channel shows only what no other channel covers.
    """

    NAME: ClassVar[str] = "multimap_spheres"
    n_channels: int = 3
    r_min: float = 1.4
    r_step: float = 0.3
    zmin: float = -1.5
    r_pp: float = -0.5
    occlusion: bool = False

    def __post_init__(self) -> None:
        below_zero("zmin", self.zmin)
        if self.n_channels < 1:
            raise InvalidInput(f"n_channels: at least one, got {self.n_channels}")
        if not self.r_step > 0:
            raise InvalidInput(f"r_step: must be above 0, got {self.r_step}")

    @property
    def channels(self) -> int:
        """n_channels."""
        return self.n_channels

    def channel_of(self, atoms: Atoms) -> Ints:
        """By van der Waals radius, truncated towards 0 as the definition has it."""
        step = np.trunc((atoms.vdw_radius - self.r_min) / self.r_step)
        return np.asarray(step.clip(0, self.n_channels - 1), np.int64)


@dataclass(frozen=True)
class MultimapSpheresElements(_Multimap):
    """A channel for each of `elements`, lists of atomic numbers; else as MultimapSpheres.

    Raises InvalidInput for molecules with an element that is in no list, or whose Atoms do not tell the numbers.
    """

    NAME: ClassVar[str] = "multimap_spheres_elements"
    elements: tuple[tuple[int, ...], ...]
    zmin: float = -1.5
    r_pp: float = -0.5
    occlusion: bool = False

    def __post_init__(self) -> None:
        below_zero("zmin", self.zmin)
        object.__setattr__(self, "elements", tuple(map(tuple, self.elements)))
        every = list(chain.from_iterable(self.elements))
        if not self.elements or len(set(every)) < len(every) or any(int(z) != z or z < 0 for z in every):
            raise InvalidInput(f"elements: lists of atomic numbers, each in one of them, got {self.elements}")

    @property
    def channels(self) -> int:
        """As many as there are lists."""
        return len(self.elements)

    def channel_of(self, atoms: Atoms) -> Ints:
        """The list that has the atom's number."""
        if atoms.number is None:
            raise InvalidInput("number: maps by element need the atomic numbers")
        table = np.full(max([*chain.from_iterable(self.elements), int(atoms.number.max())]) + 1, -1)
        for channel, members in enumerate(self.elements):
            table[list(members)] = channel
        channels = table[atoms.number]
        if (channels < 0).any():
            missing = ", ".join(map(str, np.unique(atoms.number[channels < 0])))
            raise InvalidInput(f"elements: no channel has the element of atomic number {missing}")
        return np.asarray(channels)
