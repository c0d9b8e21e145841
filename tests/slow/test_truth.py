"""Every case of a folder of converged float64 results over HTTP: from the files of sample and tip to the batch."""

from dataclasses import dataclass

import numpy as np
import pytest

from benchmarks.truth import Deviation, spec_of
from tests.system.conftest import ok

HEADER = "image | RMS | largest | within 3e-3 | pixels beyond | RMS of the others"


@dataclass(frozen=True)
class Miss:
    """Holds what was measured of a case that misses a bound, so that a change is noticed, for better or worse."""

    rms: float
    #: Number of pixels with a value off by more than 3e-3.
    pixels: int
    #: Number of slices, counted from the lowest one, in which those values are.
    slices: int


#: Valence cases with pixels in which the probe particle settles elsewhere than in the converged result. All other
#: pixels keep the bound of the RMS.
KNOWN_MISSES = {
    "benzene_fdbm_d3": Miss(3.73e-3, 88, slices=1),  # a ring around the molecule's centre
    "hcooh_var_B1": Miss(2.81e-3, 23, slices=3),  # keeps the bound of the share within 3e-3
    "hcooh_var_lj1": Miss(1.51e-3, 154, slices=5),  # the quality says that relaxation has not converged
}


@pytest.fixture(scope="module")
def uploaded(truth, service):
    """A function that uploads a sample by its name once and returns the id of its dataset; and the id of the tip."""
    ids = {}

    def dataset(name):
        if name not in ids:
            ids[name] = post(service, "/v1/datasets", truth.sample(name))
        return ids[name]

    return dataset, post(service, "/v1/tips", truth.tip, probe="O")


def post(service, path, file, **fields):
    """Upload an npz file whose arrays name themselves and return the id of what was made of it."""
    return ok(service.http.post(path, files=[("files", (file.name, file.read_bytes()))], data=fields)).json()["id"]


def test_images(truth, service, uploaded, measured, case):
    reference = truth.case(case)
    dataset, tip = uploaded
    spec = spec_of(reference.parameters, dataset(reference.parameters["sample"]), tip)
    rotations = {"kind": "list", "rotations": [reference.arrays["rot"].tolist()]}
    [batch] = service.run(**spec, rotations=rotations)

    atoms = reference.arrays["atoms"] - reference.arrays["scan_window"][0]
    assert batch["mols"][:, :3] - batch["scan_windows"][0, 0, 0] == pytest.approx(atoms, abs=1e-4)
    d = Deviation.of(batch["afm"][0, 0], reference.arrays["df"])
    numbers = f"{d.rms:.2e} | {d.largest:.1e} | {100 * d.within:.3f} % | {d.pixels} | {d.others_rms:.1e}"
    measured(HEADER, f"{case} | {numbers}")
    if not reference.is_valence:
        assert d.rms <= 1e-2
    elif case in KNOWN_MISSES:
        known = KNOWN_MISSES[case]
        assert d.rms == pytest.approx(known.rms, rel=0.05)
        assert d.pixels == pytest.approx(known.pixels, rel=0.05)
        assert d.others_rms <= 3e-4
        upper = batch["afm"][0, 0, :, :, : -known.slices] - reference.arrays["df"][:, :, : -known.slices]
        assert np.abs(upper).max() <= 3e-3 * np.abs(reference.arrays["df"]).max()
    else:
        assert d.rms <= 3e-4
        assert d.within >= 0.999
