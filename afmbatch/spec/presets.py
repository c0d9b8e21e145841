"""Defines specs of published training sets, which users fetch, edit and post. Only the dataset has to be filled in.

Lengths are in Å, charges in e, stiffness in N/m. Each preset names the values that its source does not give and that
are assumed here.
"""

from collections.abc import Mapping

from pydantic import Field

from afmbatch.spec.descriptors import AtomicDisks, EsMapConstant, HeightMap, VdwSpheres
from afmbatch.spec.distributions import Disk, Integers, Uniform
from afmbatch.spec.force_fields import LennardJonesHartree
from afmbatch.spec.job import JobSpec
from afmbatch.spec.model import Model
from afmbatch.spec.randomise import Randomise
from afmbatch.spec.rotations import BestDirections, Unrotated
from afmbatch.spec.scan import Scan
from afmbatch.spec.sweep import Sweep
from afmbatch.spec.tip_densities import MultipoleTip
from afmbatch.spec.tips import Tip


class Preset(Model):
    """The name, the summary and the source of a preset spec."""

    name: str = Field(description="Name of the preset.", examples=["asd-afm"])
    summary: str = Field(description="Summary of the spec in one line.")
    source: str = Field(
        description="Publication and scripts from which the spec is taken, and the values that are assumed."
    )


_R0 = 4.0  # bond length in the published scripts of ASD-AFM and ED-AFM (tipR0)
_BEST = BestDirections(kind="directions", directions=100, best=30)
_QUADRUPOLE_Z = (0.1, 0.0, -0.1, 0.0)
_CO = Tip(element=8, charges=(-10.0, 20.0, -10.0, 0.0), charge_z=_QUADRUPOLE_Z, r0=_R0)
_EACH_TIP = Randomise(
    distance=Uniform(kind="uniform", scope="tip", low=-0.25, high=0.25),
    tilt=Disk(kind="disk", scope="tip", radius=0.5),
)


def _asd_afm() -> JobSpec:
    return JobSpec(
        dataset="",
        scan=Scan(window=((2.0, 2.0, 5.0), (17.875, 17.875, 6.9)), dim=(128, 128, 19), df_steps=10),
        tips=(Tip(element=8, charges=(-0.1,), charge_z=(0.0,), r0=_R0),),
        distance=5.25,
        descriptors=(
            AtomicDisks(kind="atomic_disks", zmin=-1.2, zmax_s=-1.2, mode="sphere"),
            VdwSpheres(kind="vdw_spheres", zmin=-1.5),
            HeightMap(kind="height_map", zmin=-2.0),
        ),
        rotations=_BEST,
        randomise=Randomise(distance=Uniform(kind="uniform", low=-0.25, high=0.25), tilt=Disk(kind="disk", radius=0.5)),
    )


def _ed_afm() -> JobSpec:
    xe = Tip(element=54, charges=(30.0, -60.0, 30.0, 0.0), charge_z=_QUADRUPOLE_Z, r0=_R0)
    stiff = (0.5, 0.5, 0.0, 30.0)
    cl = Tip(element=17, charges=(-0.3, 0.0, 0.0, 0.0), charge_z=_QUADRUPOLE_Z, r0=_R0, stiffness=stiff)
    return JobSpec(
        dataset="",
        scan=Scan(window=((2.0, 2.0, 5.0), (25.875, 25.875, 6.9)), dim=(192, 192, 19), df_steps=10),
        tips=(_CO, xe, cl),
        distance=5.25,
        descriptors=(EsMapConstant(kind="es_map_constant", height=4.0, vdw_cutoff=-2.0, r_pp=1.0),),
        rotations=Unrotated(kind="none"),
        randomise=_EACH_TIP,
    )


def _graph_afm() -> JobSpec:
    return JobSpec(
        dataset="",
        scan=Scan(window=((2.0, 2.0, 5.0), (18.0, 18.0, 6.9)), dim=(128, 128, 19), df_steps=10),
        tips=(_CO,),
        distance=5.3,
        descriptors=(),
        rotations=Unrotated(kind="none"),
        randomise=_EACH_TIP,
    )


def _quam_afm() -> JobSpec:
    return JobSpec(
        dataset="",
        scan=Scan(window=((2.0, 2.0, 5.0), (26.0, 26.0, 6.9)), dim=(256, 256, 19), df_steps=10),
        tips=(Tip(),),
        distance=4.5,
        descriptors=(VdwSpheres(kind="vdw_spheres"),),
        rotations=Unrotated(kind="none"),
        sweep=Sweep(lateral_stiffness=(0.4, 0.6, 0.8, 1.0), df_steps=(4, 6, 8, 10, 12, 14)),
        shuffle=False,
        batch_size=24,
    )


def _afm_ice() -> JobSpec:
    co = MultipoleTip(kind="multipole", moments={"dz2": -0.1}, sigma=0.71)
    return JobSpec(
        dataset="",
        scan=Scan(
            window=((0.0, 0.0, 0.0), (31.875, 31.875, 2.4)),
            dim=(256, 256, 24),
            df_steps=10,
            anchor="bottom",
            centre="top",
        ),
        force_field=LennardJonesHartree(kind="lj_hartree"),
        tips=(Tip(element=8, charges=(), charge_z=(), density=co),),
        distance=1.4,
        descriptors=(),
        rotations=Unrotated(kind="none"),
        randomise=Randomise(
            distance=Uniform(kind="uniform", low=-0.25, high=0.25),
            tilt=Disk(kind="disk", radius=0.3),
            df_steps=Integers(kind="integers", low=4, high=20),
            lateral_stiffness=Uniform(kind="uniform", low=0.2, high=0.5),
        ),
        epochs=10,
    )


_PRESETS: Mapping[str, tuple[Preset, JobSpec]] = {
    preset.name: (preset, spec)
    for preset, spec in (
        (
            Preset(
                name="asd-afm",
                summary="128 × 128 pixels 0.125 Å apart, 10 slices; CO as a monopole of -0.1 e; the best 30 of 100 "
                "directions; atomic disks, van der Waals spheres, height map",
                source="Alldritt et al., Science Advances 6, eaay6913 (2020), and the authors' script "
                "github.com/SINGROUP/ml-spm, papers/asd-afm/generate_data.py, which rewrote the original. From the "
                "script: r0 = 4 Å, a window of 15.875 Å, and distances of 5.0 to 5.5 Å. The original's were 4.75 to "
                "5.25 Å, with molecules centred by their bounding boxes.",
            ),
            _asd_afm(),
        ),
        (
            Preset(
                name="ed-afm",
                summary="192 × 192 pixels 0.125 Å apart, 10 slices, under CO, Xe and Cl; distance and tilt randomised "
                "for each tip; electrostatic field 4 Å above the highest atom",
                source="Oinonen et al., ACS Nano 16, 89 (2022), and the authors' scripts github.com/SINGROUP/ED-AFM "
                "and github.com/SINGROUP/ml-spm, papers/ed-afm/generate_data.py, which rewrote it. From the latter: "
                "r0 = 4 Å, a window of 23.875 Å, distances of 5.0 to 5.5 Å (the original's were 5.05 to 5.55 Å), "
                "the field only where spheres of van der Waals radius + 1 Å lie within 2 Å of the highest. The set has "
                "no rotations: each orientation is a file of its own, as it must be posted.",
            ),
            _ed_afm(),
        ),
        (
            Preset(
                name="graph-afm",
                summary="128 × 128 pixels of 16 Å, 10 slices, under CO; distance and tilt randomised for each tip; no "
                "descriptors: the target is the molecule itself (mols)",
                source="Oinonen et al., MRS Bulletin 47, 895 (2022), and the authors' script "
                "github.com/SINGROUP/Graph-AFM, scripts/generate_data.py. Assumed: r0 = 4 Å, as in their other sets; "
                "that each molecule is posted in the orientation to be imaged (the script rotates none).",
            ),
            _graph_afm(),
        ),
        (
            Preset(
                name="quam-afm",
                summary="256 × 256 pixels of 24 Å, 10 slices 0.1 Å apart; each molecule with 24 settings: lateral "
                "stiffness 0.4, 0.6, 0.8, 1.0 N/m × oscillation amplitude 0.4, 0.6, 0.8, 1.0, 1.2, 1.4 Å",
                source="Carracedo-Cosme, Romero-Muñiz, Pou, Pérez, J. Chem. Inf. Model. 62, 1214 (2022); values from "
                "the readme of the data set QUAM-AFM Lite, whose folders are named like K040_Amp040 for 0.4 N/m and "
                "0.4 Å, and whose slice 0 is the closest to the sample; here slice 0 is the farthest. Assumed: that "
                "amplitudes are peak to peak, as the Probe Particle code counts them; distance and r0; vdw_spheres in "
                "place of the map of atom heights; that molecules are posted lying flat. The set was made with "
                "densities from DFT (FDBM); this spec has Lennard-Jones potentials and point charges.",
            ),
            _quam_afm(),
        ),
        (
            Preset(
                name="afm-ice",
                summary="256 × 256 pixels 0.125 Å apart, 15 slices, under CO in the potential of the sample; distance, "
                "tilt, amplitude (0.4 to 2.0 Å) and lateral stiffness (0.2 to 0.5 N/m) randomised; 10 draws of each "
                "structure; no descriptors",
                source="Scripts and label files of the sets of ice on surfaces that have been in use since 2024. The "
                "distance of 1.15 to 1.65 Å counts up to the lower edge of the window. Assumed: CO as a dz2 multipole "
                "of -0.1 e, σ = 0.71 Å; the window over the mean of the atoms within 2 Å of the highest one (the "
                "scripts put it near the topmost atoms). The dataset must have potentials.",
            ),
            _afm_ice(),
        ),
    )
}


def presets() -> tuple[Preset, ...]:
    """Return all presets."""
    return tuple(preset for preset, _ in _PRESETS.values())


def preset_spec(name: str, dataset: str) -> JobSpec:
    """Return the spec of a preset for a dataset. Raises KeyError for an unknown name."""
    return _PRESETS[name][1].model_copy(update={"dataset": dataset})
