"""Formic acid from a DFT calculation under a CO tip: forces and images against converged float64 results.

tests/data/grid has a part of each result: 250 points where a probe may be, and every eighth pixel.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kernels.device.device import Device
from kernels.force_fields.grid.force_field import GridDevice, GridForceField
from kernels.force_fields.grid.pair_terms import Dispersion, LennardJones
from kernels.force_fields.grid.samples import SampleGrid
from kernels.force_fields.grid.tips import GridTip, MultipoleTip
from kernels.imaging.quality import Quality
from kernels.sample_frames import SampleFrames
from kernels.simulator import Simulator
from tests.kernels.cases import CO_TIP, make_atoms, make_images
from tests.kernels.force_fields.grid.probing import probe
from tests.kernels.force_fields.grid.resident import resident

DATA = Path(__file__).parents[3] / "data" / "grid"


class Truth:
    """A case: its sample, tip and images, and what they must give."""

    def __init__(self, name: str) -> None:
        with np.load(DATA / f"{name}.npz") as file:
            self.data: dict[str, Any] = dict(file)
        with np.load(DATA / "hcooh.npz") as file:
            sample = dict(file)
        with np.load(DATA / "co_tip.npz") as file:
            tip = dict(file)
        parameters = json.loads(str(self.data["params"]))
        with_density = parameters["sim"] == "fdbm"
        self.grid = SampleGrid(
            sample["lattice"], sample["origin"], sample["potential"], sample["density"] if with_density else None
        )
        self.tip = (
            GridTip(tip["lattice"], -tip["excess"], tip["density"])
            if with_density
            else MultipoleTip({"dz2": -0.1}, 0.71)
        )
        self.strength, self.exponent = parameters["A_pauli"] or 1.0, parameters["B_pauli"]
        self.terms = LennardJones(parameters["lj_vdw_damp"] if with_density else None)
        if with_density and parameters["vdw"] == "D3":
            self.terms = Dispersion(self.data["dispersion"])
        centre, rotation = sample["xyz"].mean(axis=0), self.data["rotation"]
        self.frames = SampleFrames(rotation[None], (centre - rotation @ centre)[None])
        self.atoms = make_atoms((self.data["atoms"], np.zeros(len(centre) + 2), sample["numbers"]))
        self.images = make_images(
            [0], [self.data["scan_window"]], tuple(parameters["scan_dim"]), CO_TIP, parameters["df_steps"]
        )

    def force_field(self, device: Device, **parameters: Any) -> GridForceField:
        """Return the force field of the case."""
        held = GridDevice(device, resident(device, [self.grid]), [self.tip])
        one = np.zeros(1, int)
        return GridForceField(held, one, one, np.array([self.strength]), np.array([self.exponent]), **parameters)


CASES = ["hcooh_hartree_rot", "hcooh_fdbm_d3", "hcooh_fdbm_d3_rot", "hcooh_fdbm_lj"]


@pytest.mark.parametrize("name", CASES)
def test_forces(device: Device, name: str) -> None:
    truth = Truth(name)
    points = truth.data["points"].astype(np.float64)
    largest, analytic = (float(np.abs(truth.data[f"force_{part}"]).max()) for part in ("grid", "analytic"))
    arguments = truth.atoms, truth.images, truth.frames, points
    gradient, _, _ = probe(device, truth.force_field(device), *arguments)
    assert -gradient == pytest.approx(truth.data["force_grid"], abs=1e-3 * largest)
    assert np.sqrt(np.mean((gradient + truth.data["force_grid"]) ** 2)) < 2e-4 * largest
    both, _, _ = probe(device, truth.force_field(device, pair_terms=truth.terms), *arguments)
    assert gradient - both == pytest.approx(truth.data["force_analytic"], abs=1e-5 * analytic)


@pytest.mark.parametrize("name", CASES)
def test_images(device: Device, name: str) -> None:
    truth = Truth(name)
    result = Simulator(device).run(
        truth.atoms, truth.images, truth.force_field(device, pair_terms=truth.terms), frames=truth.frames
    )
    assert result.quality.tolist() == [Quality.GOOD]
    error = np.abs(result.df[0, ::8, ::8] - truth.data["df"]) / np.abs(truth.data["df"]).max()
    assert np.sqrt(np.mean(error**2)) < 3e-4
    assert error.max() < 3e-3
