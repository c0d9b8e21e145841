"""What a spec may say, end to end: presets, sweeps, draws of every scope, noise, one sample alone, extension, periodic
samples; over HTTP, with a worker."""

import io
from pathlib import Path

import numpy as np
import pytest

from .conftest import ok

MOLECULES = Path(__file__).parents[2] / "afmbatch" / "molecules"
SMALL = {"window": [[4, 4, 5], [16, 16, 6.9]], "dim": [25, 21, 19], "df_steps": 10}
CO, XE = {"element": 8}, {"element": 54, "charges": [0.3], "charge_z": [0]}
CL = {"element": 17, "charges": [-0.3], "charge_z": [0]}
QUAM_STIFFNESS, QUAM_DF_STEPS = {0.4, 0.6, 0.8, 1.0}, {4, 6, 8, 10, 12, 14}
GRAPHENE = (
    '2\nLattice="2.46 0 0 1.23 2.1304224933 0 0 0 20" Properties=species:S:1:pos:R:3:initial_charges:R:1 pbc="T T F"\n'
    "C 0 0 0 0.05\nC 1.23 0.7101408311 0 -0.05\n"
)


@pytest.fixture(scope="module")
def dataset(service):
    return service.upload(
        **{name: (MOLECULES / f"{name}.xyz").read_text() for name in ("aspirin", "ethanol", "uracil")}
    )


def samples(batches):
    """{sample number: its arrays by name} of batches as dicts of arrays."""
    found = {}
    for batch in batches:
        offsets = batch["mol_offsets"]
        for b, number in enumerate(batch["sample"].tolist()):
            mine = {}
            for name, array in batch.items():
                if name in ("mol_offsets", "desc_names", "meta"):
                    continue
                ragged = name in ("mols", "lj")
                mine[name] = array[offsets[b] : offsets[b + 1]] if ragged else array[b]
            assert number not in found
            found[number] = mine
    return found


def same(one, other):
    assert one.keys() == other.keys()
    for name in one:
        assert one[name].tobytes() == other[name].tobytes(), name


def alone(service, job, number):
    """A sample, asked for by its number."""
    path = f"/v1/jobs/{job}/samples/{number}"
    for _ in range(600):
        answer = service.http.get(path)
        if answer.status_code == 200:
            with np.load(io.BytesIO(answer.content), allow_pickle=False) as f:
                [(found, arrays)] = samples([dict(f)]).items()
            assert found == number
            return arrays
        assert answer.status_code == 404, answer.text
        assert answer.headers["Retry-After"]
        service.pause()
    raise AssertionError(f"{path} never came")


@pytest.mark.parametrize(
    ("preset", "tips", "dim", "combinations"),
    [("asd-afm", 1, 128, 1), ("ed-afm", 3, 192, 1), ("graph-afm", 1, 128, 1), ("quam-afm", 1, None, 24)],
)
def test_presets_run(service, dataset, preset, tips, dim, combinations):
    spec = ok(service.http.get(f"/v1/presets/{preset}", params={"dataset": dataset})).json()
    n = min(max(6, combinations), ok(service.http.post("/v1/preflight", json=spec)).json()["samples"])
    batches = service.run(**spec | {"samples": n, "batch_size": 6, "shuffle": False})
    found = samples(batches)
    assert sorted(found) == list(range(n))
    afm = np.concatenate([batch["afm"] for batch in batches])
    assert afm.shape[:2] == (n, tips)
    assert afm.shape[-1] == 10
    assert dim is None or afm.shape[2:4] == (dim, dim)
    assert np.isfinite(afm).all()
    assert afm.std(axis=(2, 3)).min() > 0  # there is something in every slice
    assert len(
        {
            (s.get("sweep", np.zeros(())).item(), s["stiffness"][0, 0].item(), s["df_steps"][0].item())
            for s in found.values()
        }
    ) == (combinations)
    quality = np.concatenate([batch["quality"] for batch in batches])
    assert not (quality & 8).any()
    if preset == "quam-afm":
        assert {s["stiffness"][0, 0].item() for s in found.values()} == {np.float32(k).item() for k in QUAM_STIFFNESS}
        assert {s["df_steps"][0].item() for s in found.values()} == QUAM_DF_STEPS


def test_three_tips_drawn_apart_and_a_sweep_give_what_the_plan_said(service, dataset):
    spec = {
        "dataset": dataset,
        "scan": SMALL,
        "tips": [CO, XE, CL],
        "descriptors": [{"kind": "vdw_spheres"}],
        "rotations": {"kind": "none"},
        "randomise": {
            "distance": {"kind": "uniform", "low": -0.25, "high": 0.25, "scope": "tip"},
            "tilt": {"kind": "disk", "radius": 0.5, "scope": "tip"},
        },
        "sweep": {"lateral_stiffness": [0.2, 0.3, 0.4, 0.5, 0.6, 0.7], "df_steps": [4, 6, 8, 10]},
        "seed": 3,
        "batch_size": 20,
    }
    said = ok(service.http.post("/v1/preflight", json=spec)).json()
    assert (said["samples"], said["batches"]) == (3 * 24, 4)
    batches = service.run(**spec)
    assert [len(batch["sample"]) for batch in batches] == [20, 20, 20, 12]
    found = samples(batches)
    assert sorted(found) == list(range(72))
    for structure in range(3):
        mine = [found[24 * structure + k] for k in range(24)]
        assert {s["structure"].item() for s in mine} == {structure}
        for k, s in enumerate(mine):
            stiffness, df_steps = spec["sweep"]["lateral_stiffness"][k // 4], spec["sweep"]["df_steps"][k % 4]
            assert s["sweep"] == k
            assert np.allclose(s["stiffness"], [stiffness, stiffness, 0, 30])
            assert (s["df_steps"] == df_steps).all()
            assert s["afm"].shape == (3, 25, 21, 10)
            # The scan goes down so far that ten slices result; its top and its step stay.
            assert np.allclose(s["scan_windows"][:, 1, 2] - s["scan_windows"][:, 0, 2], 0.1 * (10 + df_steps - 1))
        for name in ("distance", "tip_tilt"):
            assert all(np.array_equal(s[name], mine[0][name]) for s in mine)
            assert len(np.unique(mine[0][name], axis=0)) == 3
    assert len({found[24 * s]["distance"][0].item() for s in range(3)}) == 3


EVERYTHING = {
    "scan": SMALL | {"crop": [19, 17]},
    "tips": [CO, XE],
    "rotations": {"kind": "uniform", "n": 4},
    "randomise": {
        "distance": {"kind": "normal", "sigma": 0.1, "low": -0.2, "high": 0.2, "scope": "batch"},
        "tilt": {"kind": "disk", "radius": 0.4, "scope": "tip"},
        "df_steps": {"kind": "integers", "low": 5, "high": 12},
        "r0": {"kind": "uniform", "low": -0.2, "high": 0.2},
        "lateral_stiffness": {"kind": "choice", "values": [0.2, 0.25, 0.3], "scope": "tip"},
        "tip_charges": {"kind": "uniform", "low": 0.8, "high": 1.2, "scope": "tip"},
        "sample_charges": {"kind": "uniform", "low": 0.8, "high": 1.2, "scope": "tip"},
        "lj_radius": {"kind": "uniform", "low": 0.97, "high": 1.03, "scope": "tip"},
        "lj_epsilon": {"kind": "uniform", "low": 0.9, "high": 1.1, "scope": "batch"},
        "offset": {"kind": "disk", "radius": 0.5, "scope": "batch"},
        "in_plane_rotation": {"kind": "uniform", "low": 0, "high": 360},
        "mirror": {"kind": "chance"},
    },
    "descriptors": [
        {"kind": "es_map"},
        {"kind": "es_map_constant", "window": [[6, 6], [14, 14]], "dim": [9, 11]},
        {"kind": "bonds", "function": {"samples": [1, 0.5, 0.1, 0], "step": 0.3}},
        {"kind": "multimap_spheres", "occlusion": True},
        {"kind": "multimap_spheres_elements", "elements": [[1], [6], [7, 8]], "dim": [8, 8]},
        {"kind": "vdw_spheres", "window": [[6, 6], [14, 14]]},
        {"kind": "vdw_spheres", "r_pp": 0.0},
    ],
    "noise": [
        {"kind": "drift", "radius": 0.05},
        {"kind": "normalise"},
        {"kind": "gradient", "slope": {"kind": "uniform", "low": 0, "high": 0.3}},
        {"kind": "white", "amplitude": {"kind": "uniform", "low": 0.02, "high": 0.1, "scope": "batch"}},
        {"kind": "cutouts", "n": 2, "side": [1, 4]},
    ],
    "epochs": 2,
    "seed": 8,
    "batch_size": 5,
}


def test_a_sample_alone_is_the_sample_in_its_batch(service, dataset):
    job = service.post(dataset=dataset, **EVERYTHING)
    status = service.wait(job)
    assert status["state"] == "done", status
    batches = [service.arrays(job, b) for b in range(status["counts"]["batches"])]
    assert batches[0]["afm"].shape == (5, 2, 19, 17, 10)
    names = batches[0]["desc_names"].tolist()
    assert names[:3] == ["es_map_field", "es_map_height", "bonds"]
    assert names[-2:] == ["vdw_spheres", "vdw_spheres_2"]
    assert batches[0]["desc_es_map_constant"].shape == (5, 1, 9, 11)
    assert batches[0]["desc_multimap_spheres_elements"].shape == (5, 3, 8, 8)
    assert batches[0]["cutouts"].shape == (5, 2, 2, 4)
    for batch in batches:  # drawn once for the whole batch
        assert len(np.unique(batch["distance"])) == 1
        assert len(np.unique(batch["offset"], axis=0)) == 1
        assert len(np.unique(batch["noise_amplitude"])) == 1
    assert len({batch["distance"][0, 0] for batch in batches}) == len(batches)
    found = samples(batches)
    assert sorted(found) == list(range(24))
    for number in (0, 7, 13, 23):
        same(alone(service, job, number), found[number])


def test_a_finished_job_can_be_extended(service, dataset):
    spec = {"scan": SMALL, "rotations": {"kind": "uniform", "n": 3}, "batch_size": 4, "seed": 5, "descriptors": []}
    job = service.post(dataset=dataset, **spec)
    assert service.wait(job)["state"] == "done"
    before = service.records(job)
    first = samples(service.arrays(job, b) for b in range(3))
    more = service.upload(furan=(MOLECULES / "furan.xyz").read_text())
    status = ok(service.http.post(f"/v1/jobs/{job}/extend", json={"kind": "molecules", "dataset": more})).json()
    assert status["state"] == "running"
    assert service.wait(job, until=lambda s: s["state"] == "done")["counts"]["samples"] == 12
    ok(service.http.post(f"/v1/jobs/{job}/extend", json={"kind": "epochs", "epochs": 1}))
    status = service.wait(job, until=lambda s: s["state"] == "done")
    assert status["counts"] == status["counts"] | {"samples": 24, "batches": 7}
    records = service.records(job)
    assert records[:3] == before
    found = samples(service.arrays(job, b) for b in range(7))
    assert sorted(found) == list(range(24))
    for number, arrays in first.items():
        same(found[number], arrays)
    assert [found[n]["structure"].item() for n in (9, 10, 11)] == [3, 3, 3]
    assert {found[n]["epoch"].item() for n in range(12)} == {0}
    assert {found[n]["epoch"].item() for n in range(12, 24)} == {1}
    assert sorted(found[n]["structure"].item() for n in range(12, 24)) == [0] * 3 + [1] * 3 + [2] * 3 + [3] * 3
    same(alone(service, job, 20), found[20])


def test_a_periodic_sample_looks_the_same_a_cell_further(service):
    """Graphene, two pixels a lattice vector apart; a flake without images is no such thing."""
    cell = service.upload(graphene=GRAPHENE)
    scan = {"window": [[0, 0, 5], [4.92, 4.92, 6.9]], "dim": [41, 11, 19]}
    spec = {"scan": scan, "rotations": {"kind": "none"}, "descriptors": [{"kind": "vdw_spheres"}, {"kind": "bonds"}]}
    [batch] = service.run(dataset=cell, periodic={"npbc": [9, 9, 0]}, **spec)
    afm, desc = batch["afm"][0, 0], batch["desc"][0]
    scale = np.ptp(afm)
    assert np.abs(afm[20:] - afm[:21]).max() < 2e-3 * scale  # the flake's edge is 20 Å away
    assert np.abs(desc[:, 20:] - desc[:, :21]).max() < 1e-5
    assert desc[1].max() > 0.9  # a bond across the cell's edge or within
    assert np.allclose(batch["lattice"][0], [[2.46, 0, 0], [1.23, 2.1304224933, 0], [0, 0, 20]], atol=1e-5)
    assert len(batch["mols"]) == 2
    [isolated] = service.run(dataset=cell, **spec)
    assert np.abs(isolated["afm"][0, 0, 20:] - isolated["afm"][0, 0, :21]).max() > 0.05 * np.ptp(isolated["afm"])


def test_a_slab_takes_no_part_in_centring_and_height(service):
    """A water molecule over a shifted, higher step of silver: placed as the molecule alone, the slab moved with it."""
    water = "O 0 0 0 -0.8\nH 0.96 0 0 0.4\nH -0.24 0.93 0 0.4\n"
    pair = service.upload(bare=f"3\n\n{water}", slab=f"4\n\n{water}Ag 4 3 2.5 0\n")
    spec = {"scan": SMALL, "rotations": {"kind": "none"}, "descriptors": [], "ignored_elements": [47], "shuffle": False}
    [batch] = service.run(dataset=pair, **spec)
    bare, slab = (batch["mols"][slice(*batch["mol_offsets"][b : b + 2])] for b in (0, 1))
    assert np.array_equal(bare, slab[:3])
    assert np.allclose(slab[3, :3] - slab[0, :3], [4, 3, 2.5], atol=1e-5)


def test_preflight_says_what_will_be(service, dataset):
    bare = service.upload(charged=(MOLECULES / "furan.xyz").read_text(), bare="1\n\nHe 0 0 0\n")
    said = ok(service.http.post("/v1/preflight", json={"dataset": bare, "scan": SMALL})).json()
    [rejected] = said["rejected"]
    assert (rejected["structures"], rejected["examples"]) == (1, ["bare.xyz"])
    spec = {"dataset": dataset, "scan": SMALL, "seed": 77, "rotations": {"kind": "uniform", "n": 7}, "batch_size": 10}
    said = ok(service.http.post("/v1/preflight", json=spec, params={"preview": 2})).json()
    assert (said["samples"], said["batches"], said["rejected"]) == (21, 3, [])
    preview = said["preview"]["job"]
    assert service.wait(preview)["state"] == "done"
    shown = samples([service.arrays(preview, 0)])
    job = service.post(**spec)
    assert service.wait(job)["state"] == "done"
    records = service.records(job)
    assert sum(r["bytes"] for r in records) == pytest.approx(said["bytes"], rel=0.1)
    first = service.arrays(job, 0)
    assert list(shown) == first["sample"][:2].tolist()
    found = samples([first])
    for number, arrays in shown.items():
        same(arrays, found[number])


def test_the_same_recipe_is_not_made_twice(service, dataset):
    spec = {"dataset": dataset, "scan": SMALL, "rotations": {"kind": "none"}, "seed": 123}
    job = service.post(**spec)
    again = service.http.post("/v1/jobs", json=spec)
    assert (again.status_code, again.json()["id"]) == (200, job)
    assert service.wait(job)["recipe"] == again.json()["recipe"]
    assert service.post(**spec | {"seed": 124}) != job
