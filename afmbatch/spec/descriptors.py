"""Image descriptors a job may ask for: one model each, parameters and defaults of physics.md §7, lengths in Å."""

from collections.abc import Iterable
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import Field, model_validator

from afmbatch.spec.model import Model, refusal
from afmbatch.spec.scan import Pixels
from afmbatch.spec.tips import AtomicNumber, Pair

Depth: TypeAlias = Annotated[float, Field(ge=-100, lt=0)]
ProbeRadius: TypeAlias = Annotated[float, Field(ge=-1.4, le=10)]
Reach: TypeAlias = Annotated[float, Field(gt=0, le=1000)]
Iso: TypeAlias = Annotated[float, Field(gt=0, le=1e3)]
MAX_CHANNELS = 64


class DescriptorModel(Model):
    """What all descriptors have in common: where they are drawn."""

    window: tuple[Pair, Pair] | None = Field(
        default=None, description="Lateral window ((x0, y0), (x1, y1)) of its own, Å; null: the image's."
    )
    dim: tuple[Pixels, Pixels] | None = Field(
        default=None,
        description="Pixels of its own along x and y, in an array of its own in the file; null: the image's.",
    )

    @property
    def channels(self) -> tuple[str, ...]:
        """What each of its channels is called after its own name; one that is the whole is called ''."""
        return ("",)

    @model_validator(mode="after")
    def _check_window(self) -> Self:
        if self.window is not None:
            (x0, y0), (x1, y1) = self.window
            if not (x1 > x0 and y1 > y0):
                raise refusal("window", self.window, "the window is empty", "x1 greater than x0, y1 greater than y0")
        return self


class VdwSpheres(DescriptorModel):
    """Height of the van der Waals spheres over each pixel, relative to the highest."""

    kind: Literal["vdw_spheres"]
    zmin: Depth = Field(default=-1.5, description="Lowest height shown, relative to the highest sphere, Å.")
    r_pp: ProbeRadius = Field(default=-0.5, description="Added to every van der Waals radius, Å.")


class AtomicDisks(DescriptorModel):
    """A cone over each atom near the top, of its covalent radius."""

    kind: Literal["atomic_disks"]
    zmin: Depth = Field(default=-1.2, description="Depth at which a disk has faded out, Å.")
    zmax_s: Depth = Field(
        default=-1.2, description="In mode 'sphere': depth below which a sphere's top is not shown, Å."
    )
    r_pp: ProbeRadius = Field(default=-0.5, description="Added to every van der Waals radius, Å.")
    mode: Literal["sphere", "center"] = Field(
        default="sphere",
        description="'sphere': depth counts from the highest atom; 'center': from 1 Å above it, disks are fainter.",
    )


class HeightMap(DescriptorModel):
    """Height at which a rigid probe first feels the force `iso`, relative to the lowest shown."""

    kind: Literal["height_map"]
    iso: Iso = Field(default=0.1, description="Vertical force of the iso-surface, eV/Å.")
    zmin: Depth = Field(default=-2.0, description="Lowest height shown, relative to the highest, Å.")


class EsMap(DescriptorModel):
    """Vertical electric field of the sample's charges on the height map's surface, V/Å, and that height, Å."""

    kind: Literal["es_map"]
    iso: Iso = Field(default=0.1, description="Vertical force of the iso-surface, eV/Å.")
    zmin: Depth = Field(default=-2.0, description="Lowest height shown, relative to the highest, Å.")

    @property
    def channels(self) -> tuple[str, ...]:
        """The field and the height."""
        return ("field", "height")


class EsMapConstant(DescriptorModel):
    """Vertical electric field of the sample's charges on a plane above the highest atom, V/Å."""

    kind: Literal["es_map_constant"]
    height: float = Field(default=4.0, gt=0, le=100, description="Of the plane above the highest atom, Å.")
    vdw_cutoff: Depth | None = Field(
        default=None,
        description="The field is 0 where vdw_spheres with this zmin shows its lowest height; null: nowhere.",
    )
    r_pp: ProbeRadius = Field(default=0.5, description="Added to every van der Waals radius for the cutoff, Å.")


class RadialFunction(Model):
    """A function of the distance, linear between its samples, 0 after the last."""

    samples: Annotated[tuple[Annotated[float, Field(ge=0, le=1e6)], ...], Field(min_length=2, max_length=10_000)] = (
        Field(description="Values at distances 0, step, 2·step, …")
    )
    step: float = Field(gt=0, le=100, description="Distance between samples, Å.")


class Bonds(DescriptorModel):
    """Ellipses along the bonds near the top: a function of the distance from the bond's line."""

    kind: Literal["bonds"]
    zmin: Depth = Field(default=-1.5, description="Depth at which a bond has faded out, Å.")
    r_max: Reach = Field(default=10.0, description="Largest distance from the bond that is shown, Å.")
    ellipticity: float = Field(default=0.5, ge=0, le=100, description="Weight of the distance along the bond.")
    function: RadialFunction | None = Field(default=None, description="In place of exp(−5r), r in Å.")


class AtomRfunc(DescriptorModel):
    """A radial function around each atom near the top."""

    kind: Literal["atom_rfunc"]
    zmin: Depth = Field(default=-1.5, description="Depth at which an atom has faded out, Å.")
    r_max: Reach = Field(default=10.0, description="Largest lateral distance that is shown, Å.")
    function: RadialFunction | None = Field(default=None, description="In place of exp(−5r), r in Å.")


class MultimapSpheres(DescriptorModel):
    """vdw_spheres, the atoms split in channels by their van der Waals radius."""

    kind: Literal["multimap_spheres"]
    n_channels: int = Field(default=3, ge=1, le=MAX_CHANNELS, description="How many channels.")
    r_min: float = Field(default=1.4, ge=-10, le=10, description="Radius at which the first channel begins, Å.")
    r_step: float = Field(default=0.3, gt=0, le=10, description="Radii from channel to channel, Å.")
    zmin: Depth = Field(default=-1.5, description="Lowest height shown, relative to the highest sphere, Å.")
    r_pp: ProbeRadius = Field(default=-0.5, description="Added to every van der Waals radius, Å.")
    occlusion: bool = Field(
        default=False, description="Whether a channel shows only what lies within 0.02 Å of the top of all channels."
    )

    @property
    def channels(self) -> tuple[str, ...]:
        """Numbered."""
        return tuple(map(str, range(self.n_channels)))


class MultimapSpheresElements(DescriptorModel):
    """vdw_spheres, the atoms split in channels by their element."""

    kind: Literal["multimap_spheres_elements"]
    elements: Annotated[
        tuple[Annotated[tuple[AtomicNumber, ...], Field(min_length=1, max_length=200)], ...],
        Field(min_length=1, max_length=MAX_CHANNELS),
    ] = Field(description="Atomic numbers of each channel; every element of the dataset must be in one.")
    zmin: Depth = Field(default=-1.5, description="Lowest height shown, relative to the highest sphere, Å.")
    r_pp: ProbeRadius = Field(default=-0.5, description="Added to every van der Waals radius, Å.")
    occlusion: bool = Field(
        default=False, description="Whether a channel shows only what lies within 0.02 Å of the top of all channels."
    )

    @property
    def channels(self) -> tuple[str, ...]:
        """Numbered."""
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


Descriptor: TypeAlias = Annotated[
    VdwSpheres
    | AtomicDisks
    | HeightMap
    | EsMap
    | EsMapConstant
    | Bonds
    | AtomRfunc
    | MultimapSpheres
    | MultimapSpheresElements,
    Field(discriminator="kind"),
]


def names(descriptors: Iterable[Descriptor]) -> tuple[str, ...]:
    """One name a descriptor: its kind, numbered from its second use on (`bonds`, `bonds_2`)."""
    seen: dict[str, int] = {}
    out = []
    for d in descriptors:
        seen[d.kind] = seen.get(d.kind, 0) + 1
        out.append(d.kind if seen[d.kind] == 1 else f"{d.kind}_{seen[d.kind]}")
    return tuple(out)


def channel_names(descriptors: Iterable[Descriptor]) -> tuple[str, ...]:
    """The channels of `desc`: those of all descriptors without a dim of their own."""
    listed = tuple(descriptors)
    return tuple(
        f"{name}_{channel}" if channel else name
        for name, d in zip(names(listed), listed, strict=True)
        if d.dim is None
        for channel in d.channels
    )


def own_arrays(descriptors: Iterable[Descriptor]) -> dict[str, Descriptor]:
    """The descriptors that are arrays of their own in the file, by the array's name."""
    listed = tuple(descriptors)
    return {f"desc_{name}": d for name, d in zip(names(listed), listed, strict=True) if d.dim is not None}
