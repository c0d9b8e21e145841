"""Tips over HTTP: their densities are uploaded, the probe atom is found, and what is refused with which answer."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from afmbatch.grids.grid import Quantity
from afmbatch.grids.stored import read_tip_grids
from tests.afmbatch.grids.writers import cube, lvec, npz, screened_water, water

from .conftest import errors_by_field, problem, unchanged

DATA = Path(__file__).parents[1] / "data" / "fdbm"
NAMES = {"electrons": "CO_tip_density.cube.xz", "delta_electrons": "CO_tip_delta_density.xsf.xz"}
CO = {field: (name, (DATA / name).read_bytes()) for field, name in NAMES.items()}
FLAT = water((24, 20, 28), np.diag([7.0, 6.0, 8.0]), np.zeros(3))
WATER = replace(FLAT, xyz=FLAT.xyz - np.array([[0, 0, 0], [0, 0, 0.1], [0, 0, 0]]))  # one hydrogen atom is the lowest
DIFFERENCE = replace(WATER, values=WATER.values - np.roll(WATER.values, 1, axis=0))


def post(service, files, **fields):
    return service.http.post("/v1/tips", files=files, data=fields)


def made(service, files, **fields):
    answer = post(service, files, **fields)
    assert answer.status_code == 201, answer.text
    return answer.json()


def finding(record, subject):
    (found,) = (f for f in record["findings"] if f["subject"] == subject)
    return found


def test_a_real_tip(service):
    record = made(service, CO)
    assert (record["probe_element"], record["probe_atom"], record["elements"]) == ("O", 1, ["O", "C"])
    assert (record["density"], record["delta_density"], record["points"]) == (True, True, [24, 26, 30])
    assert np.diag(record["lattice"]) == pytest.approx([9.6, 10.4, 12.0], abs=1e-5)
    assert record["probe_offset"] == pytest.approx([0, 0, 0], abs=1e-6)
    assert "atom 1 (O), at grid point (0, 0, 0)" in finding(record, "probe")["message"]
    assert "C +1.142" in finding(record, "probe")["message"]
    # O is positive and C negative, so that the moment points down: README.md of the inputs
    assert finding(record, "dipole")["numbers"]["z_eA"] == pytest.approx(-0.041, abs=0.006)  # every second point
    assert abs(finding(record, "net_electrons")["numbers"]["electrons"]) < 0.02
    assert not any(f["warning"] for f in record["findings"] if f["subject"] in ("probe", "net_electrons"))
    grids = read_tip_grids(service.store, record["id"])
    assert grids.probe_element == 8
    densest = np.array(np.unravel_index(grids.density.values.argmax(), grids.density.shape))
    assert (np.minimum(densest, grids.density.shape - densest) <= 2).all()
    with unchanged(service):
        assert post(service, CO).status_code == 200
    listed = service.http.get("/v1/tips").json()
    assert (listed["total"], listed["tips"][0]["id"]) == (1, record["id"])
    assert "findings" not in listed["tips"][0]
    assert service.http.get(f"/v1/tips/{record['id']}").json() == record
    assert service.http.delete(f"/v1/tips/{record['id']}").status_code == 204
    assert service.http.get(f"/v1/tips/{record['id']}").status_code == 404
    assert service.store.keys("") == []


@pytest.mark.parametrize(("probe", "atom"), [("O", 1), ("1", 1), ("2", 2), (None, 2)])
def test_the_probe_atom(service, probe, atom):
    fields = {} if probe is None else {"probe": probe}
    record = made(service, {"electrons": ("w.cube", cube(WATER))}, **fields)
    assert record["probe_atom"] == atom
    assert not record["delta_density"]
    grids = read_tip_grids(service.store, record["id"])
    index = atom - 1
    assert np.abs(grids.density.xyz[index]).max() < 1e-12
    # The grid point nearest to the atom comes first, and its origin is where that lies: the field is the same.
    voxel = np.diag(WATER.lattice) / WATER.shape
    assert (np.abs(grids.density.origin) <= voxel / 2 + 1e-9).all()
    np.testing.assert_allclose(record["probe_offset"], -grids.density.origin, atol=1e-12)
    shift = np.rint((WATER.xyz[index] + grids.density.origin) / voxel).astype(int)
    np.testing.assert_allclose(grids.density.values, np.roll(WATER.values, -shift, (0, 1, 2)), rtol=1e-5, atol=1e-8)
    warned = finding(record, "probe")["warning"]
    assert warned is (atom == 1)  # the hydrogen atoms are below the oxygen


def test_a_charge_density_takes_the_place_of_a_delta_density(service):
    charge = {"charge": ("q.cube", cube(DIFFERENCE, Quantity.CHARGE))}
    difference = {"delta_electrons": ("d.cube", cube(DIFFERENCE))}
    ids = [made(service, files, probe="O")["id"] for files in (charge, difference) if service.redis.flushall()]
    a, b = (read_tip_grids(service.store, tip_id) for tip_id in ids)
    np.testing.assert_allclose(a.delta_density.values, b.delta_density.values, atol=1e-7)
    assert a.density is None


def test_an_npz_file_that_names_its_arrays(service):
    data = npz(rho=WATER.values, rho_delta=DIFFERENCE.values, lvec=lvec(WATER), xyz=WATER.xyz, Z=WATER.z)
    both = made(service, {"files": ("tip.npz", data)}, probe="O")
    assert (both["density"], both["delta_density"]) == (True, True)
    alone = made(service, {"electrons": ("tip.npz", data)}, probe="O")
    assert (alone["density"], alone["delta_density"]) == (True, False)


BOX = ("w.cube", cube(WATER))
NO_ATOMS = npz(rho=WATER.values, lvec=lvec(WATER), xyz=np.empty((0, 3)), Z=np.empty(0))
BROKEN = {
    "a tip without probe atom": ({"files": ("t.npz", NO_ATOMS)}, {}, "t.npz:rho", "the file names no atoms"),
    "a probe of another element": ({"electrons": BOX}, {"probe": "Xe"}, "probe", "the tip has no such atom"),
    "a probe of several atoms": ({"electrons": BOX}, {"probe": "H"}, "probe", "2 atoms of the tip are of this element"),
    "a probe beyond the atoms": ({"electrons": BOX}, {"probe": "4"}, "probe", "the tip has 3 atoms"),
    "a tip that lies flat": ({"electrons": ("w.cube", cube(FLAT))}, {}, "probe", "both the lowest"),
    "a difference called a density": (
        {"electrons": ("w.cube", cube(DIFFERENCE))},
        {},
        "w.cube",
        "a neutral difference",
    ),
    "a density called a difference": ({"delta_electrons": BOX}, {}, "w.cube", "it is no difference of densities"),
    "a potential": (
        {"files": ("t.npz", npz(pot=WATER.values, lvec=lvec(WATER), xyz=WATER.xyz, Z=WATER.z))},
        {},
        "t.npz:pot",
        "a tip has densities, but no potential",
    ),
    "two densities": (
        {"electrons": BOX, "files": ("t.npz", npz(rho=WATER.values, lvec=lvec(WATER), xyz=WATER.xyz, Z=WATER.z))},
        {},
        "w.cube",
        "this is a second array of electrons",
    ),
    "a charge and a difference": (
        {"charge": ("q.cube", cube(DIFFERENCE, Quantity.CHARGE)), "delta_electrons": ("d.cube", cube(DIFFERENCE))},
        {},
        "q.cube",
        "both were sent",
    ),
}


@pytest.mark.parametrize("what", BROKEN)
def test_broken_tips_are_refused_with_the_reason(service, what):
    files, fields, field, reason = BROKEN[what]
    with unchanged(service):
        answer = post(service, files, **fields)
    assert answer.status_code == 422
    errors = problem(answer)["errors"]
    assert any(e["field"] == field and reason in e["reason"] for e in errors), errors
    assert all(e["accepted"] for e in errors)


GRIDS = npz(pot=screened_water(FLAT).values, rho=FLAT.values, lvec=lvec(FLAT), xyz=FLAT.xyz, Z=FLAT.z)


def spec(service, kind, *tips, **fields):
    """Return a spec of a force field with these uploaded tips."""
    dataset = service.http.post("/v1/datasets", files={"files": ("water.npz", GRIDS)}).json()["id"]
    listed = [{"density": {"kind": "tip", "id": tip}} | fields for tip in tips]
    return {"dataset": dataset, "force_field": {"kind": kind}, "tips": listed, "descriptors": []}


def test_a_tip_that_does_not_exist(service):
    existing = made(service, CO)["id"]
    for path in ("/v1/jobs", "/v1/preflight"):
        answer = service.http.post(path, json=spec(service, "fdbm", existing, "tip-00"))
        assert answer.status_code == 422
        assert errors_by_field(answer) == {
            "tips[1].density.id": {
                "field": "tips[1].density.id",
                "value": "tip-00",
                "reason": "the tip does not exist",
                "accepted": f"the id of a tip, which POST /v1/tips makes; there are: {existing}",
            }
        }


def test_a_tip_in_use_is_not_deleted(service):
    tip = made(service, CO)["id"]
    job = service.http.post("/v1/jobs", json=spec(service, "lj_hartree", tip)).json()["id"]
    with unchanged(service):
        refused = service.http.delete(f"/v1/tips/{tip}")
    assert refused.status_code == 409
    assert problem(refused)["detail"] == f"Tip {tip} is used by jobs that are not finished: {job}. Cancel them first."
    service.finish(job)
    assert service.http.delete(f"/v1/tips/{tip}").status_code == 204
    extended = service.http.post(f"/v1/jobs/{job}/extend", json={"kind": "epochs", "epochs": 1})
    assert extended.status_code == 409
    assert f"Tip {tip} of job {job} was removed; upload it again." in extended.text


def test_a_tip_that_does_not_fit_the_spec(service):
    density, delta = (made(service, {field: CO[field]})["id"] for field in NAMES)
    wrong = {
        "tips[0].density.id": spec(service, "lj_hartree", density),
        "tips[1].density.id": spec(service, "fdbm", density, delta),
        "tips[0].element": spec(service, "fdbm", density, element=54),
    }
    reasons = {
        field: errors_by_field(service.http.post("/v1/jobs", json=body))[field]["reason"]
        for field, body in wrong.items()
    }
    assert reasons == {
        "tips[0].density.id": f"tip {density} has neither a difference of electron densities nor a charge density",
        "tips[1].density.id": f"tip {delta} has no electron density, which the force field fdbm needs",
        "tips[0].element": f"the probe atom of tip {density} is O",
    }
    assert service.http.post("/v1/jobs", json=spec(service, "fdbm", density)).status_code == 201
