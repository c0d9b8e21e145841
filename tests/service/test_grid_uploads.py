"""Volumetric files over HTTP: datasets of structures with grids, and what is refused with which answer."""

import io
import tarfile
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from afmbatch.grids.grid import Quantity
from afmbatch.grids.stored import read_sample_grids
from tests.afmbatch.grids.writers import chgcar, cube, lvec, npz, screened_water, water, xsf

from .conftest import WATER, errors_by_field, problem, running, unchanged

DATA = Path(__file__).parents[1] / "data" / "fdbm"
DENSITY = water((24, 20, 28), np.diag([7.0, 6.0, 8.0]), np.zeros(3))
POTENTIAL = screened_water(DENSITY)
RHO, V = Quantity.ELECTRONS, Quantity.POTENTIAL
DENSITY_CUBE, POTENTIAL_CUBE = cube(DENSITY), cube(POTENTIAL, V)


def post(service, *files, path="/v1/datasets", **fields):
    """Upload files, each (form field, name, content)."""
    return service.http.post(path, files=[(field, (name, data)) for field, name, data in files], data=fields)


def made(service, *files):
    """Upload files and return the record of their dataset."""
    answer = post(service, *files)
    assert answer.status_code == 201, answer.text
    return answer.json()


def subjects(record, *, warning=None):
    return [f["subject"] for f in record["findings"] if warning in (None, f["warning"])]


def zipped(**members):
    f = io.BytesIO()
    with zipfile.ZipFile(f, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return f.getvalue()


def tarred(members):
    f = io.BytesIO()
    with tarfile.open(fileobj=f, mode="w:gz") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return f.getvalue()


def test_a_potential_and_a_density(service):
    energy = xsf(POTENTIAL, Quantity.ELECTRON_ENERGY)
    files = ("electrons", "water.cube", DENSITY_CUBE), ("electron_energy", "water.xsf", energy)
    record = made(service, *files)
    (kind,) = record["kinds"]
    assert (kind["potential"], kind["density"], kind["charged"], kind["lattice"]) == (True, True, False, True)
    assert (record["structures"], record["atoms"], record["largest_grid"]) == (1, 3, [24, 20, 28])
    assert {"electron_count", "potential_sign", "end_point", "poisson"} <= set(subjects(record))
    assert record["unlisted_findings"] == 0
    (count,) = (f for f in record["findings"] if f["subject"] == "electron_count")
    assert count["numbers"]["electrons"] == pytest.approx(8, abs=0.01)
    assert (count["structure"], count["file"]) == (0, "water.cube")
    grids = read_sample_grids(service.store, record["id"], 0)
    np.testing.assert_allclose(grids.density.values, DENSITY.values, rtol=1e-5, atol=1e-8)
    np.testing.assert_allclose(grids.potential.values, POTENTIAL.values, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(grids.potential.xyz, DENSITY.xyz, atol=1e-6)
    assert grids.density.z.tolist() == [8, 1, 1]
    with unchanged(service):
        assert post(service, *files).status_code == 200
    assert service.http.delete(f"/v1/datasets/{record['id']}").status_code == 204
    assert service.store.keys("") == []


def test_other_values_make_another_dataset(service):
    ids = {made(service, ("electrons", "water.cube", cube(scaled)))["id"] for scaled in (DENSITY, times(DENSITY, 1.01))}
    assert len(ids) == 2


def times(grid, factor):
    return replace(grid, values=grid.values * np.float32(factor))


def test_real_files(service):
    names = "hcooh_valence_density.cube.xz", "hcooh_valence_potential.xsf.xz"
    density, potential = ((DATA / name).read_bytes() for name in names)
    record = made(service, ("electrons", names[0], density), ("electron_energy", names[1], potential))
    assert record["elements"] == ["H", "C", "O"]
    assert not subjects(record, warning=True)
    record = made(service, ("files", "hcooh_allelectron.npz", (DATA / "hcooh_allelectron.npz").read_bytes()))
    assert record["kinds"][0]["density"]
    assert subjects(record, warning=True)


def test_structures_in_two_archives_are_paired_by_name_or_by_order(service):
    waters = [DENSITY, times(DENSITY, 1.01), times(DENSITY, 0.99)]
    potentials = [screened_water(grid) for grid in waters]
    by_name = zipped(**{f"a/{i}.cube": cube(grid) for i, grid in enumerate(waters)})
    reversed_names = tarred({f"a/{i}.xsf": xsf(potentials[i], V) for i in (2, 1, 0)})
    record = made(service, ("electrons", "rho.zip", by_name), ("potential", "v.tar.gz", reversed_names))
    assert record["structures"] == 3
    assert "paired_by_order" not in subjects(record)
    for number, i in enumerate((2, 1, 0)):  # the order of the potentials
        found = read_sample_grids(service.store, record["id"], number)
        np.testing.assert_allclose(found.density.values, waters[i].values, rtol=1e-5, atol=1e-8)

    frame = {"origin": DENSITY.origin, "lattice": DENSITY.lattice, "xyz": DENSITY.xyz, "Z": DENSITY.z}
    rho = tarred({f"rho_{i}.npz": npz(data=grid.values, **frame) for i, grid in enumerate(waters)})
    pot = tarred({f"pot_{i}.npz": npz(data=grid.values, **frame) for i, grid in enumerate(potentials)})
    record = made(service, ("electrons", "rho.tar.gz", rho), ("potential", "pot.tar.gz", pot))
    assert record["structures"] == subjects(record).count("paired_by_order") == 3
    found = read_sample_grids(service.store, record["id"], 1)
    np.testing.assert_allclose(found.density.values, waters[1].values)


def test_vasp_files_are_paired_by_folder(service):
    rho = zipped(**{"w1/CHGCAR": chgcar(DENSITY), "w2/CHGCAR": chgcar(times(DENSITY, 1.01))})
    pot = zipped(**{f"w{i}/LOCPOT": chgcar(POTENTIAL, Quantity.ELECTRON_ENERGY) for i in (1, 2)})
    record = made(service, ("electrons", "rho.zip", rho), ("electron_energy", "pot.zip", pot))
    assert record["structures"] == 2
    assert "paired_by_order" not in subjects(record)


def test_npz_files_that_name_their_arrays_come_with_structure_files(service):
    both = npz(rho=DENSITY.values, pot=POTENTIAL.values, lvec=lvec(DENSITY), xyz=DENSITY.xyz, Z=DENSITY.z)
    record = made(service, ("files", "grids.zip", zipped(**{"w.npz": both})), ("files", "water.xyz", WATER))
    assert [(kind["potential"], kind["density"]) for kind in record["kinds"]] == [(False, False), (True, True)]
    assert {f["structure"] for f in record["findings"]} == {1}
    assert read_sample_grids(service.store, record["id"], 1).density is not None


def text_with(data, old, new):
    assert old in data
    return data.replace(old, new, 1)


NAN = text_with(DENSITY_CUBE, DENSITY_CUBE.split()[-1], b"NaN")
OUTSIDE = cube(replace(DENSITY, xyz=DENSITY.xyz + np.array([3.5, 3.0, 0])))
BOX = "electrons", "water.cube", DENSITY_CUBE
COARSE = water((12, 20, 28), np.diag([7.0, 6.0, 8.0]), np.zeros(3))
DIFFERENCE = replace(DENSITY, values=DENSITY.values - np.roll(DENSITY.values, 1, axis=0))
BROKEN = {
    "a truncated cube": ([("electrons", "w.cube", DENSITY_CUBE[: len(DENSITY_CUBE) // 2])], "the file ends after"),
    "a wrong unit": ([("electrons", "w.cube", cube(times(DENSITY, 0.529177**-3)))], "It would fit 8 electrons if"),
    "a wrong sign of the potential": ([("electron_energy", "w.cube", POTENTIAL_CUBE)], "the sign is wrong"),
    "a wrong sign of the density": ([("charge", "w.cube", DENSITY_CUBE)], "their sign were the opposite"),
    "a cell that does not fit the atoms": ([("electrons", "w.cube", OUTSIDE)], "are not those of the grid"),
    "NaN": ([("electrons", "w.cube", NAN)], "is not a finite number"),
    "two grids of different shape": (
        [BOX, ("potential", "water.xsf", xsf(screened_water(COARSE), V))],
        "different numbers of points",
    ),
    "densities without potentials": (
        [("electrons", f"{i}.cube", DENSITY_CUBE) for i in "abc"] + [("potential", "a.cube", POTENTIAL_CUBE)],
        "no potential has the name of b.cube, c.cube",
    ),
    "a bare npy": ([("electrons", "rho.npy", b"\x93NUMPY\x01\x00 and so on")], "a bare .npy file has neither cell nor"),
    "a bare npy among structures": ([("files", "rho.npy", b"\x93NUMPY\x01\x00 and so on")], "a bare .npy file has"),
    "text that is no grid": ([("electrons", "w.txt", b"dear service,\nplease find attached\n")], "no known format"),
    "a quantity that nobody named": ([("files", "w.cube", DENSITY_CUBE)], "no quantity was given for it"),
    "two densities of one name": ([BOX, BOX, ("potential", "water.xsf", xsf(POTENTIAL, V))], "of the same name"),
    "a density called a potential": ([("potential", "w.cube", DENSITY_CUBE)], "they are a density"),
    "a difference of densities": ([("electrons", "w.cube", cube(DIFFERENCE))], "it belongs to a tip"),
    "a damaged archive": ([("electrons", "rho.tar.gz", tarred({"a.cube": DENSITY_CUBE})[:5000])], "damaged or cut off"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_broken_files_are_refused_with_the_reason(service, what):
    files, reason = BROKEN[what]
    with unchanged(service):
        answer = post(service, *files)
    assert answer.status_code == 422
    errors = problem(answer)["errors"]
    assert any(reason in e["reason"] for e in errors), errors
    assert all(e["field"] and e["accepted"] for e in errors)


def test_all_broken_structures_of_an_archive_are_named(service):
    bad = [cube(times(DENSITY, factor)) for factor in (10.0, 1.0, 20.0)]
    archive = zipped(**{f"{i}.cube": data for i, data in enumerate(bad)})
    errors = problem(post(service, ("electrons", "rho.zip", archive)))["errors"]
    assert [e["field"] for e in errors] == ["rho.zip:0.cube", "rho.zip:2.cube"]


def test_an_upload_without_files(service):
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    errors = errors_by_field(service.http.post("/v1/datasets", content=b"--b--\r\n", headers=headers))
    assert errors["files"]["reason"] == "no file was uploaded"
    assert list(errors_by_field(post(service, ("density", "a.cube", DENSITY_CUBE)))) == ["density"]


def test_grids_beyond_the_limit(service):
    with running(service.settings.model_copy(update={"max_grid_bytes": 100_000})) as limited:
        answer = post(limited, ("electrons", "rho.zip", zipped(**{f"{i}.cube": DENSITY_CUBE for i in "ab"})))
    assert answer.status_code == 413
    assert problem(answer)["errors"][0]["reason"] == "the grids are too large"


def spec(dataset, kind, **fields):
    return {
        "dataset": dataset,
        "force_field": {"kind": kind},
        "samples": 2,
        "batch_size": 2,
        "descriptors": [],
    } | fields


def test_structures_without_the_grids_of_the_force_field(service):
    alone = made(service, ("electrons", "water.cube", DENSITY_CUBE))["id"]
    answer = service.http.post("/v1/jobs", json=spec(alone, "lj_hartree"))
    assert answer.status_code == 422
    (error,) = problem(answer)["errors"]
    assert (error["field"], error["value"]) == ("force_field.kind", "lj_hartree")
    assert error["reason"] == "1 of 1 structures have no electrostatic potential: water.cube"
    assert "uploaded as a volumetric file" in error["accepted"]
    potential = made(service, ("potential", "v.cube", POTENTIAL_CUBE))["id"]
    assert service.http.post("/v1/preflight", json=spec(potential, "lj_hartree")).json()["accepted"]
    tip = service.http.post("/v1/tips", files={"electrons": ("w.cube", DENSITY_CUBE)}, data={"probe": "O"}).json()["id"]
    tips = [{"density": {"kind": "tip", "id": tip}}]
    report = service.http.post("/v1/preflight", json=spec(potential, "fdbm", tips=tips)).json()
    assert not report["accepted"]
    assert [entry["reason"] for entry in report["rejected"]] == ["1 of 1 structures have no electron density: v.cube"]


def test_grids_beyond_the_memory_of_a_device(service):
    dataset = made(service, ("electrons", "water.cube", DENSITY_CUBE), ("potential", "v.cube", POTENTIAL_CUBE))["id"]
    report = service.http.post("/v1/preflight", json=spec(dataset, "lj_hartree")).json()
    assert (report["accepted"], report["device_grid_bytes"]) == (True, 4 * 51 * 43 * 64)
    limit = report["device_grid_bytes"] - 1
    with running(service.settings.model_copy(update={"device_memory_bytes": 4 * limit})) as limited:
        exceeded = limited.http.post("/v1/preflight", json=spec(dataset, "lj_hartree")).json()["exceeded"]
    assert any(f"take {limit + 1} bytes on a device, but this server allows {limit}" in e["reason"] for e in exceeded)


def test_a_force_field_that_needs_no_grids(service):
    dataset = made(service, ("electrons", "water.cube", DENSITY_CUBE))["id"]
    none = {"force_field": {"kind": "lj_pc", "charges": "none"}}
    report = service.http.post("/v1/preflight", json=spec(dataset, "lj_pc") | none).json()
    assert (report["accepted"], report["device_grid_bytes"]) == (True, 0)
