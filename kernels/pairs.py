"""What tips see of the atoms: charges and Lennard-Jones parameters that may differ from image to image."""

from dataclasses import dataclass, fields

from kernels.atoms import Floats, as_floats
from kernels.errors import InvalidInput


@dataclass(frozen=True, eq=False)
class Pairs:
    """The atoms of a batch's images: image by image, each in the order of its molecule's atoms; ΣN in all.

    charge (ΣN,) e; lj_radius (ΣN,) Å and lj_epsilon (ΣN,) eV. Raises InvalidInput where a shape does not fit, a number
    is not finite, or a radius or depth is negative.
    """

    charge: Floats
    lj_radius: Floats
    lj_epsilon: Floats

    def __post_init__(self) -> None:
        for field in fields(self):
            name = f"pairs.{field.name}"
            array = as_floats(name, getattr(self, field.name), (-1,))
            if field.name != "charge" and (array < 0).any():
                raise InvalidInput(f"{name}: must not be negative")
            object.__setattr__(self, field.name, array)

    def columns(self, count: int) -> tuple[Floats, Floats, Floats]:
        """charge, lj_radius, lj_epsilon of `count` atoms; raises InvalidInput where they are not so many."""
        for field in fields(self):
            if len(getattr(self, field.name)) != count:
                raise InvalidInput(f"pairs.{field.name}: one for each of the images' {count} atoms")
        return self.charge, self.lj_radius, self.lj_epsilon
