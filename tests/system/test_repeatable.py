"""The same sample, whatever is around it, is the same to the byte."""

import hashlib
from pathlib import Path

import httpx
import numpy as np

from afmbatch.cli.stack import Stack, free_port

from .conftest import Service

MOLECULES = Path(__file__).parents[2] / "afmbatch" / "molecules"
SMALL = {"window": [[4, 4, 5], [16, 16, 6.9]], "dim": [33, 27, 19], "df_steps": 10}
PER_SAMPLE = (
    "afm",
    "desc",
    "scan_windows",
    "rotation",
    "distance",
    "tip_tilt",
    "r0",
    "stiffness",
    "df_steps",
    "quality",
)
JOB = {
    "scan": SMALL,
    "tips": [{"element": 54, "charges": [0.3], "charge_z": [0]}, {}],
    "rotations": {"kind": "directions", "directions": 20, "best": 6},
    "randomise": {
        "distance": {"kind": "uniform", "low": -0.2, "high": 0.2},
        "tilt": {"kind": "disk", "radius": 0.3},
    },
    "seed": 11,
}


def molecules(*names):
    return {name: (MOLECULES / f"{name}.xyz").read_text() for name in names}


def by_sample(batches):
    """{sample number: the bytes of its arrays}."""
    samples = {}
    for batch in batches:
        for b, number in enumerate(batch["sample"].tolist()):
            atoms = batch["mols"][batch["mol_offsets"][b] : batch["mol_offsets"][b + 1]]
            parts = [batch[name][b].tobytes() for name in PER_SAMPLE] + [
                atoms.tobytes(),
                batch["structure"][b].tobytes(),
            ]
            samples[number] = hashlib.sha256(b"".join(parts)).hexdigest()
    return samples


def test_in_another_batch_size_order_and_worker(service, tmp_path):
    names = ("aspirin", "ethanol", "ptcda")
    dataset = service.upload(**molecules(*names))
    one = by_sample(service.run(dataset=dataset, batch_size=5, **JOB))
    assert sorted(one) == list(range(18))
    assert by_sample(service.run(dataset=dataset, batch_size=18, **JOB)) == one
    assert by_sample(service.run(dataset=dataset, batch_size=1, shuffle=False, **JOB)) == one
    with (
        Stack(tmp_path, free_port(), workers=1) as other,
        httpx.Client(base_url=other.url, trust_env=False, timeout=60) as http,
    ):
        elsewhere = Service(other, http)
        assert elsewhere.upload(**molecules(*names)) == dataset
        assert by_sample(elsewhere.run(dataset=dataset, batch_size=7, **JOB)) == one


def test_two_runs_of_a_spec_give_the_same_files(service):
    dataset = service.upload(**molecules("furan", "thiophene"))
    jobs = [service.post(dataset=dataset, batch_size=5, **JOB) for _ in range(2)]
    for job in jobs:
        assert service.wait(job)["state"] == "done"
    first, second = ([r["sha256"] for r in service.records(job)] for job in jobs)
    assert len(first) == 3
    assert first == second


def test_what_is_fixed_is_as_posted(service):
    """No rotation, no shuffle, given tilt and springs: the molecule as it is, placed by physics.md §5."""
    xyz = np.loadtxt(MOLECULES / "aspirin.xyz", skiprows=2, usecols=(1, 2, 3, 4))
    dataset = service.upload(**molecules("aspirin", "uracil"))
    tip = {"tilt": [0.2, -0.1], "r0": 3.5, "stiffness": [0.3, 0.4, 0.0, 20.0]}
    [batch] = service.run(dataset=dataset, scan=SMALL, tips=[tip], rotations={"kind": "none"}, shuffle=False)
    first = batch["mols"][: batch["mol_offsets"][1]]
    shift = first[:, :3] - xyz[:, :3]
    assert np.allclose(shift, shift[0], atol=1e-5)
    assert np.allclose(first[:, 3], xyz[:, 3])
    assert batch["structure"].tolist() == batch["sample"].tolist() == [0, 1]
    assert np.allclose(batch["tip_tilt"][:, 0], [0.2, -0.1])
    assert np.allclose(batch["stiffness"][0, 0], [0.3, 0.4, 0.0, 20.0])
    assert np.allclose(batch["r0"], 3.5)
    assert np.allclose(batch["distance"], 4.5)
    assert np.array_equal(batch["rotation"][0], np.eye(3))
