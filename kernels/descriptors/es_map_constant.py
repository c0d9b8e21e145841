"""es_map_constant (physics.md §7): the vertical electric field of a sample on a plane above it."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from kernels.atoms import Atoms, Floats
from kernels.constants import COULOMB
from kernels.descriptors.base import DESCRIPTORS, AtomMap, Buffers, Records, RigidProbe, pack, require_below_zero
from kernels.descriptors.canvas import Canvas, Scene
from kernels.descriptors.vdw_spheres import spheres
from kernels.device.device import Define, Device
from kernels.errors import InvalidInput
from kernels.force_fields.base import Arrays

MIN_DISTANCE = 1e-4  # Å: a plane that is closer to an atom is moved away this far, so that 1/r is finite


@DESCRIPTORS.register
@dataclass(frozen=True)
class EsMapConstant(AtomMap):
    """The field, V/Å, on a plane: that of the charges and, where the force field has it, of the potential."""

    KIND: ClassVar[str] = "es_map_constant"
    file: ClassVar[Path] = Path(__file__).with_suffix(".cl")
    #: The height of the plane above the highest atom's centre, Å.
    height: float
    #: The field is 0 where no van der Waals sphere reaches this height, Å, relative to the highest sphere's top. It is
    #: below 0; None: the field is shown everywhere.
    vdw_cutoff: float | None
    #: A length added to every van der Waals radius, Å.
    r_pp: float

    def __post_init__(self) -> None:
        if not np.isfinite(self.height):
            raise InvalidInput(f"height: must be finite (Å), got {self.height}")
        if self.vdw_cutoff is not None:
            require_below_zero("vdw_cutoff", self.vdw_cutoff)

    def records(self, atoms: Atoms, xy: Floats) -> Records:
        """Return x, y, squared height h² of the plane above the atom and C·q·h; with a cutoff the spheres as well."""
        z = atoms.xyz[:, 2]
        above = atoms.top(z)[atoms.molecule] + self.height - z
        columns = [xy[:, 0], xy[:, 1], np.maximum(above**2, MIN_DISTANCE**2), COULOMB * atoms.charge * above]
        if self.vdw_cutoff is not None:
            columns += [*spheres(atoms, self.r_pp), np.zeros_like(z), np.zeros_like(z)]
        return pack(columns, atoms.molecule, atoms.molecules)

    def arrays(self, scene: Scene) -> Arrays:
        """Return the records, and the planes in the grids of the potential."""
        arrays = super().arrays(scene)
        if (potential := scene.force_field.potential) is not None:
            heights = scene.atoms.top(scene.atoms.xyz[:, 2]) + self.height
            arrays["planes"] = potential.places(np.column_stack((scene.grid.centre, heights)))
        return arrays

    def launch(self, device: Device, canvas: Canvas, probe: RigidProbe, buffers: Buffers) -> None:
        """Enqueue the field of the potential, if there is one, then that of the charges and the cutoff."""
        potential = probe.force_field.potential
        if potential is not None:
            kernel = device.kernel("es_map_potential", "descriptors/es_map_potential.cl")
            for molecules, coefficients, structures in potential.load(canvas.molecules):
                size = (-(-canvas.ny // device.lanes), canvas.nx, len(molecules))
                device.launch(
                    kernel, size, device.tile, *canvas.arguments(), coefficients, structures, buffers["planes"],
                    first=molecules.start,
                )  # fmt: skip
        defines: dict[str, Define] = {
            "CUTOFF": int(self.vdw_cutoff is not None), "POTENTIAL": int(potential is not None)
        }  # fmt: skip
        kernel = device.kernel(self.file.stem, self.file, **defines)
        canvas.launch(device, kernel, buffers["records"], buffers["offsets"], *self.parameters())

    def parameters(self) -> tuple[np.float32, ...]:
        """Return the cutoff if there is one."""
        return () if self.vdw_cutoff is None else (np.float32(self.vdw_cutoff),)
