"""Defines the image descriptors that a job can request: a model for each, with the defaults of physics.md §7.

A descriptor maps the atoms of a sample to one or more channels of pixels. Lengths are in Å.
"""

from collections.abc import Sequence
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import Field, model_validator

from afmbatch.spec.family import ModelFamily
from afmbatch.spec.model import Model, refusal
from afmbatch.spec.scan import Pixels
from afmbatch.spec.tips import AtomicNumber, Pair

Depth: TypeAlias = Annotated[float, Field(ge=-100, lt=0)]
ProbeRadius: TypeAlias = Annotated[float, Field(ge=-1.4, le=10)]
Reach: TypeAlias = Annotated[float, Field(gt=0, le=1000)]
Iso: TypeAlias = Annotated[float, Field(gt=0, le=1e3)]
MAX_CHANNELS = 64


class Descriptor(Model):
    """The base class of all descriptors: the window they show and their pixels."""

    kind: str
    window: tuple[Pair, Pair] | None = Field(
        default=None,
        description="Lateral window ((x0, y0), (x1, y1)) of this descriptor, in Å; null: the window of the image.",
    )
    dim: tuple[Pixels, Pixels] | None = Field(
        default=None,
        description="Number of pixels of this descriptor along x and y; it is then stored in an array of its own, "
        "desc_<name>. null: the pixels of the image, as channels of the array desc.",
    )

    @property
    def channels(self) -> tuple[str, ...]:
        """The suffixes that distinguish the channels behind the descriptor's name; '' for a single channel."""
        return ("",)

    @model_validator(mode="after")
    def _check_window(self) -> Self:
        if self.window is not None:
            (x0, y0), (x1, y1) = self.window
            if not (x1 > x0 and y1 > y0):
                raise refusal("window", self.window, "the window is empty", "x1 greater than x0, y1 greater than y0")
        return self


class VdwSpheres(Descriptor):
    """The height of the van der Waals spheres over each pixel, relative to the highest sphere, in Å."""

    kind: Literal["vdw_spheres"]
    zmin: Depth = Field(default=-1.5, description="Lowest height shown, relative to the highest sphere, in Å.")
    r_pp: ProbeRadius = Field(default=-0.5, description="Length added to every van der Waals radius, in Å.")


class AtomicDisks(Descriptor):
    """A disk for each atom near the top, with its covalent radius and a brightness that falls with depth."""

    kind: Literal["atomic_disks"]
    zmin: Depth = Field(default=-1.2, description="Depth, as a negative height, at which a disk has faded out, in Å.")
    zmax_s: Depth = Field(
        default=-1.2,
        description="In mode 'sphere': an atom is shown if the top of its van der Waals sphere is above this height, "
        "relative to the highest sphere, in Å.",
    )
    r_pp: ProbeRadius = Field(default=-0.5, description="Length added to every van der Waals radius, in Å.")
    mode: Literal["sphere", "center"] = Field(
        default="sphere",
        description="Origin of the depth. 'sphere': the highest atom; 'center': 1 Å above it, so that disks are "
        "fainter, and zmax_s is ignored.",
    )


class HeightMap(Descriptor):
    """The height at which a rigid probe first feels the force `iso`, relative to the lowest height shown, in Å."""

    kind: Literal["height_map"]
    iso: Iso = Field(default=0.1, description="Vertical force that defines the iso-surface, in eV/Å.")
    zmin: Depth = Field(default=-2.0, description="Lowest height shown, relative to the highest one, in Å.")


class EsMap(Descriptor):
    """The vertical electric field of the sample's charges on the surface of the height map, in V/Å, and its height."""

    kind: Literal["es_map"]
    iso: Iso = Field(default=0.1, description="Vertical force that defines the iso-surface, in eV/Å.")
    zmin: Depth = Field(default=-2.0, description="Lowest height shown, relative to the highest one, in Å.")

    @property
    def channels(self) -> tuple[str, ...]:
        """The names of the two channels: the field and the height of the surface."""
        return ("field", "height")


class EsMapConstant(Descriptor):
    """The vertical electric field of the sample on a plane above the highest atom, in V/Å.

    It is that of the point charges; with a force field that uses the potential of the sample, −∂V/∂z of that potential.
    """

    kind: Literal["es_map_constant"]
    height: float = Field(default=4.0, gt=0, le=100, description="Height of the plane above the highest atom, in Å.")
    vdw_cutoff: Depth | None = Field(
        default=None,
        description="The field is set to 0 where vdw_spheres with this zmin, in Å, shows its lowest height; null: the "
        "field is shown everywhere.",
    )
    r_pp: ProbeRadius = Field(
        default=0.5, description="Length added to every van der Waals radius for vdw_cutoff, in Å."
    )


class RadialFunction(Model):
    """A function of the distance: linear between its samples, 0 beyond the last."""

    samples: Annotated[tuple[Annotated[float, Field(ge=0, le=1e6)], ...], Field(min_length=2, max_length=10_000)] = (
        Field(description="Values of the function at the distances 0, step, 2·step, …")
    )
    step: float = Field(gt=0, le=100, description="Distance between two samples, in Å.")


class Bonds(Descriptor):
    """Ellipses along the bonds near the top: a function of the distance from the line of the bond."""

    kind: Literal["bonds"]
    zmin: Depth = Field(default=-1.5, description="Depth, as a negative height, at which a bond has faded out, in Å.")
    r_max: Reach = Field(default=10.0, description="Largest distance from the bond that is shown, in Å.")
    ellipticity: float = Field(
        default=0.5,
        ge=0,
        le=100,
        description="Weight of the distance along the bond, relative to that of the distance across it.",
    )
    function: RadialFunction | None = Field(
        default=None, description="Function of the distance; null: exp(−5r) with r in Å."
    )


class AtomRfunc(Descriptor):
    """A radial function around each atom near the top."""

    kind: Literal["atom_rfunc"]
    zmin: Depth = Field(default=-1.5, description="Depth, as a negative height, at which an atom has faded out, in Å.")
    r_max: Reach = Field(default=10.0, description="Largest lateral distance from the atom that is shown, in Å.")
    function: RadialFunction | None = Field(
        default=None, description="Function of the distance; null: exp(−5r) with r in Å."
    )


class MultimapSpheres(Descriptor):
    """The descriptor vdw_spheres with the atoms split into channels by their van der Waals radius."""

    kind: Literal["multimap_spheres"]
    n_channels: int = Field(default=3, ge=1, le=MAX_CHANNELS, description="Number of channels.")
    r_min: float = Field(
        default=1.4,
        ge=-10,
        le=10,
        description="Van der Waals radius at which the first channel begins, in Å; smaller atoms are in it too.",
    )
    r_step: float = Field(
        default=0.3,
        gt=0,
        le=10,
        description="Difference between the radii at which two successive channels begin, in Å; the last channel has "
        "all larger atoms.",
    )
    zmin: Depth = Field(default=-1.5, description="Lowest height shown, relative to the highest sphere, in Å.")
    r_pp: ProbeRadius = Field(default=-0.5, description="Length added to every van der Waals radius, in Å.")
    occlusion: bool = Field(
        default=False,
        description="true: a channel shows only the spheres within 0.02 Å of the top of all channels, and its lowest "
        "value elsewhere; false: it shows all its spheres.",
    )

    @property
    def channels(self) -> tuple[str, ...]:
        """The names of the channels: their numbers, counted from 0."""
        return tuple(map(str, range(self.n_channels)))


class MultimapSpheresElements(Descriptor):
    """The descriptor vdw_spheres with the atoms split into channels by their element."""

    kind: Literal["multimap_spheres_elements"]
    elements: Annotated[
        tuple[Annotated[tuple[AtomicNumber, ...], Field(min_length=1, max_length=200)], ...],
        Field(min_length=1, max_length=MAX_CHANNELS),
    ] = Field(
        description="Atomic numbers of the elements of each channel; every element of the dataset must be in a channel."
    )
    zmin: Depth = Field(default=-1.5, description="Lowest height shown, relative to the highest sphere, in Å.")
    r_pp: ProbeRadius = Field(default=-0.5, description="Length added to every van der Waals radius, in Å.")
    occlusion: bool = Field(
        default=False,
        description="true: a channel shows only the spheres within 0.02 Å of the top of all channels, and its lowest "
        "value elsewhere; false: it shows all its spheres.",
    )

    @property
    def channels(self) -> tuple[str, ...]:
        """The names of the channels: their numbers, counted from 0."""
        return tuple(map(str, range(len(self.elements))))

    @model_validator(mode="after")
    def _check(self) -> Self:
        seen: set[int] = set()
        for i, channel in enumerate(self.elements):
            if twice := seen & set(channel) or {z for z in channel if channel.count(z) > 1}:
                raise refusal(
                    f"elements[{i}]", list(channel), f"element {min(twice)} is named twice", "each element once"
                )
            seen |= set(channel)
        return self


DESCRIPTORS = ModelFamily(
    Descriptor,
    [
        VdwSpheres,
        AtomicDisks,
        HeightMap,
        EsMap,
        EsMapConstant,
        Bonds,
        AtomRfunc,
        MultimapSpheres,
        MultimapSpheresElements,
    ],
)
AnyDescriptor: TypeAlias = Annotated[Descriptor, DESCRIPTORS]


def descriptor_names(descriptors: Sequence[Descriptor]) -> tuple[str, ...]:
    """Return a unique name for each descriptor.

    It is the descriptor's kind, followed by a number if another one of the kind comes before it (`bonds`, `bonds_2`).
    """
    kinds = [descriptor.kind for descriptor in descriptors]
    numbers = [kinds[: i + 1].count(kind) for i, kind in enumerate(kinds)]
    return tuple(kind if n == 1 else f"{kind}_{n}" for kind, n in zip(kinds, numbers, strict=True))


def channel_names(descriptors: Sequence[Descriptor]) -> tuple[str, ...]:
    """Return the names of the channels of the array `desc`: those of all descriptors without a `dim` of their own."""
    return tuple(
        f"{name}_{channel}" if channel else name
        for name, descriptor in zip(descriptor_names(descriptors), descriptors, strict=True)
        if descriptor.dim is None
        for channel in descriptor.channels
    )


def own_arrays(descriptors: Sequence[Descriptor]) -> dict[str, Descriptor]:
    """Return the descriptors that have an array of their own in the batch file, by the name of that array."""
    named = zip(descriptor_names(descriptors), descriptors, strict=True)
    return {f"desc_{name}": descriptor for name, descriptor in named if descriptor.dim is not None}
