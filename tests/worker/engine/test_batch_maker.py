"""Tests the way from a spec to a batch file, on the real device."""

import hashlib
import io
import json

import numpy as np
import pytest

import kernels
from afmbatch.errors import AfmbatchError, NotFound
from afmbatch.sampling.recipe import Recipe
from afmbatch.settings import Settings
from afmbatch.spec.job import JobSpec
from afmbatch.spec.noise import BATCH_ARRAYS
from afmbatch.storage.object_store import ObjectStore, batch_key, dataset_key
from afmbatch.structures.structures import Structures
from worker.engine.batch_maker import open_batch_maker
from worker.messages import MakeBatches

ALL = ("vdw_spheres", "atomic_disks", "height_map", "bonds", "atom_rfunc")

UNCHARGED = {"kind": "lj_pc", "charges": "none"}


def spec(**changes):
    given = {
        "dataset": "ds-1",
        "scan": {"window": [[0, 0, 5], [10, 8, 6.9]], "dim": [13, 9, 19], "df_steps": 10},
        "rotations": {"kind": "directions", "directions": 7, "best": 3},
        "batch_size": 4,
    }
    return JobSpec.model_validate(given | changes)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    url = tmp_path_factory.mktemp("store").as_uri()
    rng = np.random.default_rng(4)
    structures = Structures(
        xyz=rng.normal(size=(9, 3)) * 3,
        q=np.array([0.2, -0.1, -0.1, 0.0, np.nan, np.nan, np.nan, np.nan, np.nan]),
        z=np.array([6, 8, 1, 7, 6, 6, 9, 1, 1]),
        offsets=np.array([0, 4, 9]),
        names=np.array(["charged", "uncharged"]),
    )
    ObjectStore(url).put(dataset_key("ds-1"), structures.to_bytes())
    return url


@pytest.fixture(scope="module")
def maker(store):
    return open_batch_maker(Settings(store_url=store))


def make(maker, job, spec, *batches):
    """Make batches in one group and put them into the store."""
    recipe = Recipe.of(spec, 2, 9)
    started = maker.start(maker.prepare(MakeBatches(job, recipe.model_dump_json(), batches)))
    return [write() for write in maker.wait(started)]


def arrays(store, job, made):
    with np.load(io.BytesIO(ObjectStore(store).get(batch_key(job, made.batch, made.sha256))), allow_pickle=False) as f:
        return dict(f)


def test_a_batch_in_the_store_matches_its_message(maker, store):
    [made] = make(maker, "job-a", spec(force_field=UNCHARGED), 1)
    data = ObjectStore(store).get(batch_key("job-a", 1, made.sha256))
    assert (made.batch, made.samples, made.bytes, made.sha256) == (1, 2, len(data), hashlib.sha256(data).hexdigest())
    batch = arrays(store, "job-a", made)
    assert batch["afm"].shape == (2, 1, 13, 9, 10)
    assert batch["desc"].shape == (2, 5, 13, 9)
    assert {name: batch[name].dtype.str for name in ("afm", "desc", "mols", "quality")} == {
        "afm": "<f4",
        "desc": "<f4",
        "mols": "<f4",
        "quality": "|u1",
    }
    assert tuple(batch["desc_names"]) == ALL
    meta = json.loads(str(batch["meta"]))
    assert meta["format"] == 1
    assert meta["dataset"] == "ds-1"
    assert meta["device_kind"] == maker.describe().device_kind


def test_batches_made_in_a_group_are_those_made_alone(maker, store):
    plain = spec(force_field=UNCHARGED, batch_size=2)
    all_at_once = make(maker, "job-h", plain, 0, 1, 2)
    alone = [make(maker, "job-i", plain, batch)[0] for batch in (2, 0, 1)]
    assert [made.sha256 for made in all_at_once] == [alone[n].sha256 for n in (1, 2, 0)]
    assert arrays(store, "job-h", all_at_once[1])["mol_offsets"][0] == 0


def test_a_batch_beyond_the_memory_of_the_host_is_an_error(store):
    small = open_batch_maker(Settings(store_url=store, host_memory_bytes=2**17))
    with pytest.raises(AfmbatchError, match=r"batch_size: a batch needs \d+ .* may use 32768"):
        make(small, "job-j", spec(batch_size=6), 0)
    # 42120 bytes of images alone would do; there are atoms as well.
    small = open_batch_maker(Settings(store_url=store, host_memory_bytes=4 * 42120))
    with pytest.raises(AfmbatchError, match=r"batch_size: a batch needs \d+ .* may use 42120"):
        make(small, "job-j", spec(batch_size=6), 0)


def test_a_batch_beyond_the_memory_of_the_device_is_an_error(maker, store):
    plain = spec(force_field=UNCHARGED)
    small = open_batch_maker(Settings(store_url=store, device_memory_bytes=2**9))
    with pytest.raises(AfmbatchError, match=r"batch_size: the input arrays .* 256 are allowed"):
        make(small, "job-k", plain, 0)
    first = MakeBatches("job-k", Recipe.of(plain, 2, 9).model_dump_json(), (0,))
    uploads = maker.prepare(first).prepared.upload_bytes
    small = open_batch_maker(Settings(store_url=store, device_memory_bytes=2 * (uploads + 256)))
    with pytest.raises(AfmbatchError, match=r"scan.dim: .* of device memory, 256 are left"):
        make(small, "job-k", plain, 0)


def test_charges_none_means_zero_charges(maker, store):
    plain = spec(force_field=UNCHARGED, tips=[{"charges": [0, 0], "charge_z": [0.1, -0.1]}])
    b = arrays(store, "job-b", *make(maker, "job-b", plain, 0))
    c = arrays(store, "job-c", *make(maker, "job-c", spec(force_field=UNCHARGED), 0))
    assert np.array_equal(b["afm"], c["afm"])
    assert not c["mols"][:, 3].any()


def test_a_job_may_have_no_descriptors(maker, store):
    batch = arrays(store, "job-d", *make(maker, "job-d", spec(force_field=UNCHARGED, descriptors=[]), 0))
    assert batch["desc"].shape == (4, 0, 13, 9)
    assert batch["desc_names"].shape == (0,)


def test_the_names_that_no_noise_step_may_record_are_those_of_all_arrays(maker, store):
    near_one = {"kind": "uniform", "low": 0.9, "high": 1.1}
    everything = spec(
        force_field=UNCHARGED,
        scan={"window": [[0, 0, 5], [10, 8, 6.9]], "dim": [13, 9, 19], "df_steps": 10, "crop": [8, 8]},
        periodic={"lattice": [[30, 0, 0], [0, 30, 0], [0, 0, 30]]},
        randomise={"lj_radius": near_one, "sample_charges": near_one, "offset": {"kind": "disk", "radius": 0.1}},
        sweep={"distance": [4.5, 5.0]},
        descriptors=[{"kind": "bonds"}, {"kind": "bonds", "dim": [8, 8]}],
    )
    batch = arrays(store, "job-n", *make(maker, "job-n", everything, 0))
    of_pauli_repulsion = {"pauli_strength", "pauli_exponent"}  # which needs grids
    assert batch.keys() - {"desc_bonds_2"} == BATCH_ARRAYS - of_pauli_repulsion


def test_tips_are_imaged_in_their_order(maker, store):
    tips = [{"element": 54, "charges": [0.3], "charge_z": [0]}, {"r0": 4.0}]
    both = spec(tips=tips, force_field=UNCHARGED)
    e = arrays(store, "job-e", *make(maker, "job-e", both, 0))
    f = arrays(store, "job-f", *make(maker, "job-f", spec(tips=tips[1:], force_field=UNCHARGED), 0))
    assert e["afm"].shape[1] == 2
    assert np.array_equal(e["afm"][:, 1:], f["afm"])
    assert np.array_equal(e["desc"], f["desc"])  # the last tip's
    assert e["r0"].tolist() == [[3.0, 4.0]] * 4
    assert (e["scan_windows"][:, 0, :, 2] > e["scan_windows"][:, 1, :, 2]).all()  # Xe is larger: it stays higher


def test_a_dataset_that_is_gone_is_an_error(maker):
    with pytest.raises(NotFound, match="Dataset ds-2 does not exist"):
        make(maker, "job-g", spec(dataset="ds-2"), 0)


def test_input_that_the_kernels_refuse_is_a_permanent_error(maker, monkeypatch):
    def refuse(*_, **__):
        raise kernels.InvalidInput("bonds: too many")

    monkeypatch.setattr(kernels.Simulator, "prepare", refuse)
    with pytest.raises(AfmbatchError, match="bonds: too many"):
        make(maker, "job-l", spec(force_field=UNCHARGED), 0)
