"""PerImageAtoms holds charges and Lennard-Jones parameters of atoms that differ between the images of a molecule."""

from dataclasses import dataclass, fields

from kernels.atoms import Floats, as_floats
from kernels.errors import InvalidInput


@dataclass(frozen=True, eq=False)
class PerImageAtoms:
    """The parameters of the atoms of M images, image by image, each in the order of the atoms of its molecule.

    ΣN is the number of atoms of all images: the atoms of a molecule count once for each of its images.

    charge: (ΣN,) f8, e.
    lj_radius: (ΣN,) f8, Å.
    lj_epsilon: (ΣN,) f8, eV.

    Raises InvalidInput if a shape does not fit, a number is not finite, or a radius or an epsilon is negative.
    """

    charge: Floats
    lj_radius: Floats
    lj_epsilon: Floats

    def __post_init__(self) -> None:
        for field in fields(self):
            name = f"per_image_atoms.{field.name}"
            array = as_floats(name, getattr(self, field.name), (-1,))
            if field.name != "charge" and (array < 0).any():
                raise InvalidInput(f"{name}: no value may be negative, the lowest is {array.min()}")
            object.__setattr__(self, field.name, array)

    def columns(self, count: int) -> tuple[Floats, Floats, Floats]:
        """Return charge, lj_radius and lj_epsilon; raises InvalidInput unless each has `count` values."""
        for field in fields(self):
            if (got := len(getattr(self, field.name))) != count:
                raise InvalidInput(
                    f"per_image_atoms.{field.name}: expected one value for each of the images' {count} atoms, got {got}"
                )
        return self.charge, self.lj_radius, self.lj_epsilon
