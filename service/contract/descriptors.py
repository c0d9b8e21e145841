"""Image descriptors a job may ask for: one model each, parameters and defaults of physics.md §7, lengths in Å."""

from collections.abc import Iterable
from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from service.contract.model import Model

Depth: TypeAlias = Annotated[float, Field(ge=-100, lt=0)]
ProbeRadius: TypeAlias = Annotated[float, Field(ge=-1.4, le=10)]
Reach: TypeAlias = Annotated[float, Field(gt=0, le=1000)]


class VdwSpheres(Model):
    """Height of the van der Waals spheres over each pixel, relative to the highest."""

    kind: Literal["vdw_spheres"]
    zmin: Depth = Field(default=-1.5, description="Lowest height shown, relative to the highest sphere, Å.")
    r_pp: ProbeRadius = Field(default=-0.5, description="Added to every van der Waals radius, Å.")


class AtomicDisks(Model):
    """A cone over each atom near the top, of its covalent radius."""

    kind: Literal["atomic_disks"]
    zmin: Depth = Field(default=-1.2, description="Depth at which a disk has faded out, Å.")
    zmax_s: Depth = Field(
        default=-1.2, description="In mode 'sphere': depth below which a sphere's top is not shown, Å."
    )
    r_pp: ProbeRadius = Field(default=-0.5, description="Added to every van der Waals radius, Å.")
    mode: Literal["sphere", "center"] = Field(
        default="sphere",
        description="Whether depth counts from the spheres' tops or from the atoms' centres.",
    )


class HeightMap(Model):
    """Height at which a rigid probe first feels the force `iso`, relative to the lowest shown."""

    kind: Literal["height_map"]
    iso: float = Field(default=0.1, gt=0, le=1e3, description="Vertical force of the iso-surface, eV/Å.")
    zmin: Depth = Field(default=-2.0, description="Lowest height shown, relative to the highest, Å.")


class Bonds(Model):
    """Ellipses along the bonds near the top, exp(−5r) from the bond's line."""

    kind: Literal["bonds"]
    zmin: Depth = Field(default=-1.5, description="Depth at which a bond has faded out, Å.")
    r_max: Reach = Field(default=10.0, description="Largest distance from the bond that is shown, Å.")
    ellipticity: float = Field(default=0.5, ge=0, le=100, description="Weight of the distance along the bond.")


class AtomRfunc(Model):
    """exp(−5ρ) around each atom near the top."""

    kind: Literal["atom_rfunc"]
    zmin: Depth = Field(default=-1.5, description="Depth at which an atom has faded out, Å.")
    r_max: Reach = Field(default=10.0, description="Largest lateral distance that is shown, Å.")


Descriptor: TypeAlias = Annotated[VdwSpheres | AtomicDisks | HeightMap | Bonds | AtomRfunc, Field(discriminator="kind")]


def channel_names(descriptors: Iterable[Descriptor]) -> tuple[str, ...]:
    """One name a channel: the kind, numbered from its second use on (`bonds`, `bonds_2`)."""
    seen: dict[str, int] = {}
    names = []
    for d in descriptors:
        seen[d.kind] = seen.get(d.kind, 0) + 1
        names.append(d.kind if seen[d.kind] == 1 else f"{d.kind}_{seen[d.kind]}")
    return tuple(names)
