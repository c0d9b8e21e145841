"""The force on the probe at the points of every case of a folder of converged float64 results, by the kernels.

Errors are fractions of the largest component of the grid's force, that of dispersion or Lennard-Jones left out.
"""

import numpy as np
import pytest

import kernels
from afmbatch.structures.dispersion import tables
from kernels.force_fields.grid.force_field import GridDevice, GridForceField
from kernels.force_fields.grid.pair_terms import Dispersion, LennardJones
from kernels.force_fields.grid.samples import SampleGrid
from kernels.force_fields.grid.tips import GridTip, MultipoleTip
from kernels.sample_frames import SampleFrames
from tests.kernels.cases import CO_TIP, make_atoms, make_images
from tests.kernels.force_fields.grid.probing import probe
from tests.kernels.force_fields.grid.resident import resident

from .truth_folder import arrays_of

HEADER = "force | largest, eV/Å | error: RMS | largest | points beyond 1e-3 | error of the other terms, largest"
BOUND = 1e-3
#: The largest error and the number of points beyond the bound, as measured, of cases with points beyond it. A change
#: must be noticed.
KNOWN_MISSES = {
    "hcooh_fdbm_d3_rot": (3.57e-3, 2),
    "hcooh_var_tilt": (1.63e-3, 2),
    "hcooh_var_ae": (1.3e-2, 1819),  # all electrons: the clipped cores are too sharp for the grid
}


class Scene:
    """The sample, the tip and the image of a case."""

    def __init__(self, truth, case):
        self._parameters = p = case.parameters
        self._sample = sample = arrays_of(truth.sample(p["sample"]))
        centre, rotation = sample["xyz"].mean(axis=0), case.arrays["rot"]
        self.frames = SampleFrames(rotation[None], (centre - rotation @ centre)[None])
        self.atoms = make_atoms((case.arrays["atoms"], np.zeros(len(sample["Z"])), sample["Z"].astype(int)))
        tip = CO_TIP | {"r0": p["tipR0"], "stiffness": p["tipStiffness"]}
        self.images = make_images([0], [case.arrays["scan_window"]], tuple(p["scan_dim"]), tip, p["df_steps"])
        self._tip = arrays_of(truth.tip)

    def held(self, device):
        """Return the fields of the sample and of the tip on a device."""
        origin, *lattice = self._sample["lvec"]
        cutoff = self._parameters["density_cutoff"] or np.inf
        if self._parameters["sim"] == "hartree":
            density, tip = None, MultipoleTip({"dz2": -0.1}, 0.71)
        else:
            density = np.minimum(self._sample["rho"], np.float32(cutoff))
            tip = GridTip(self._tip["lvec"][1:], -self._tip["rho_delta"], self._tip["rho"])
        grid = SampleGrid(np.array(lattice), origin, self._sample["pot"], density)
        return GridDevice(device, resident(device, [grid]), [tip])

    @property
    def pair_terms(self):
        """The dispersion, or Lennard-Jones, of the case."""
        if self._parameters["sim"] == "hartree":
            return LennardJones()
        if self._parameters["vdw"] == "LJ":
            return LennardJones(self._parameters["lj_vdw_damp"])
        numbers, xyz = self._sample["Z"].astype(np.int64), self._sample["xyz"]
        d3 = kernels.D3Tables.from_arrays(tables())
        functional = self._parameters["d3_params"]
        return Dispersion(kernels.dispersion_coefficients(numbers, xyz, self._parameters["iZPP"], functional, d3))

    @property
    def pauli(self):
        """The strength and the exponent of Pauli repulsion."""
        return {
            "strength": np.array([self._parameters["A_pauli"] or 1.0]),
            "exponent": np.array([self._parameters["B_pauli"]]),
        }


def test_forces(truth, device, measured, case):
    reference = truth.case(case)
    scene = Scene(truth, reference)
    held, zero = scene.held(device), np.zeros(1, int)

    def gradient(**terms):
        field = GridForceField(held, zero, zero, **scene.pauli, **terms)
        points = reference.arrays["points"].astype(np.float64)
        return probe(device, field, scene.atoms, scene.images, scene.frames, points)[0]

    grid, both = gradient(), gradient(pair_terms=scene.pair_terms)
    want, analytic = (reference.arrays[f"force_{part}"].astype(np.float64) for part in ("grid", "analytic"))
    scale = np.abs(want).max()
    error = (grid + want) / scale
    rms, largest, beyond = np.sqrt(np.mean(error**2)), np.abs(error).max(), (np.abs(error).max(axis=1) > BOUND).sum()
    terms = np.abs(both - grid + analytic).max() / np.abs(analytic).max()
    measured(HEADER, f"{case} | {scale:.3f} | {rms:.1e} | {largest:.1e} | {beyond} of {len(want)} | {terms:.1e}")
    assert terms <= 1e-5
    assert rms <= (2e-4 if reference.is_valence else 1e-2)
    if case in KNOWN_MISSES:
        known, points = KNOWN_MISSES[case]
        assert largest == pytest.approx(known, rel=0.05)
        assert beyond == pytest.approx(points, rel=0.05)
    else:
        assert largest <= BOUND
