"""Batches in other formats hold the same values."""

import hashlib
import io
import json
import tarfile
import tracemalloc

import numpy as np
import pytest
import zstandard

from afmbatch.settings import Settings
from afmbatch.storage.batch_file import npz_chunks
from afmbatch.storage.object_store import batch_key
from service.transport.formats import BatchFormat, Container, Encoding, Precision

from .conftest import emptied, errors_by_field, problem, running

RNG = np.random.default_rng(1)
ARRAYS = {
    "afm": RNG.normal(0, 100, (3, 2, 300, 200, 4)).astype("f4"),  # a sample is larger than a piece
    "desc": RNG.random((3, 2, 8, 9), dtype="f4"),
    "desc_bonds": RNG.random((3, 1, 4, 5), dtype="f4"),
    "quality": np.array([[0, 1], [2, 0], [0, 8]], "u1"),
    "rotation": RNG.random((3, 3, 3), dtype="f4"),
    "lattice": np.full((3, 3, 3), np.nan, "f4"),
    "sample": np.array([4, 12, 7]),
    "mols": RNG.random((9, 5), dtype="f4"),
    "lj": RNG.random((9, 2, 2), dtype="f4"),
    "mol_offsets": np.array([0, 3, 3, 9]),
    "desc_names": np.array(["spheres", "héight"]),
    "meta": np.array(json.dumps({"format": 1, "seed": 3})),
}
ARRAYS["afm"][0, 0, 0, 0, :] = [1e6, -1e6, np.nan, 0.1]
DATA = b"".join(npz_chunks(ARRAYS))
IMAGES = ("afm", "desc", "desc_bonds")


def halved(name, array):
    with np.errstate(over="ignore"):
        return array.astype("f2") if name in IMAGES else array


@pytest.fixture(scope="module", params=["directory", "bucket"])
def session_service(request, redis_url, tmp_path_factory):
    url = tmp_path_factory.mktemp("store").as_uri() if request.param == "directory" else "memory:///"
    with running(Settings(redis_url=redis_url, store_url=url)) as service:
        yield service


@pytest.fixture
def service(session_service):
    return emptied(session_service)


@pytest.fixture
def path(service):
    """Path of a recorded batch."""
    job = service.job()
    service.record(job, 1, DATA)
    return f"/v1/jobs/{job}/batches/1"


def test_half_precision(service, path):
    answer = service.http.get(path, params={"dtype": "f2"})
    assert answer.headers["content-type"] == "application/vnd.numpy.npz"
    with np.load(io.BytesIO(answer.content), allow_pickle=False) as f:
        assert f.files == list(ARRAYS)
        for name, array in ARRAYS.items():
            expected = halved(name, array)
            assert f[name].dtype == expected.dtype
            np.testing.assert_array_equal(f[name], expected)


@pytest.mark.parametrize("dtype", ["f4", "f2"])
def test_webdataset_has_entries_for_each_sample(service, path, dtype):
    answer = service.http.get(path, params={"form": "webdataset", "dtype": dtype})
    assert answer.headers["content-type"] == "application/x-tar"
    assert answer.headers["content-disposition"].endswith('-batch-00000001.tar"')
    with tarfile.open(fileobj=io.BytesIO(answer.content)) as tar:
        entries = {name: tar.extractfile(name).read() for name in tar.getnames()}
    kinds = [*(f"{name}.npy" for name in (*IMAGES, "mols", "lj")), "json"]
    # The entries of a sample follow each other.
    assert list(entries) == [f"{n:08d}.{kind}" for n in (4, 12, 7) for kind in kinds]
    offsets = ARRAYS["mol_offsets"]
    for b, number in enumerate((4, 12, 7)):
        for name in IMAGES:
            expected = ARRAYS[name][b] if dtype == "f4" else halved(name, ARRAYS[name][b])
            found = np.load(io.BytesIO(entries[f"{number:08d}.{name}.npy"]), allow_pickle=False)
            assert found.dtype == expected.dtype
            np.testing.assert_array_equal(found, expected)
        for name in ("mols", "lj"):
            found = np.load(io.BytesIO(entries[f"{number:08d}.{name}.npy"]), allow_pickle=False)
            np.testing.assert_array_equal(found, ARRAYS[name][offsets[b] : offsets[b + 1]])
        assert json.loads(entries[f"{number:08d}.json"]) == {
            "quality": ARRAYS["quality"][b].tolist(),
            "rotation": ARRAYS["rotation"][b].tolist(),
            "lattice": [[None] * 3] * 3,
            "sample": number,
            "desc_names": ["spheres", "héight"],
            "format": 1,
            "seed": 3,
        }


@pytest.mark.parametrize("form", ["npz", "webdataset"])
def test_compressed(service, path, form):
    plain = service.http.get(path, params={"form": form}).content
    with service.http.stream("GET", path, params={"form": form, "encoding": "zstd"}) as answer:
        assert answer.headers["content-encoding"] == "zstd"
        sent = b"".join(answer.iter_raw())
    assert zstandard.ZstdDecompressor().decompressobj().decompress(sent) == plain


def test_a_batch_is_compressed_on_request_only(service, path):
    answer = service.http.get(path, headers={"Accept-Encoding": "zstd"})
    assert "content-encoding" not in answer.headers
    assert answer.content == DATA


def test_each_format_has_its_own_etag(service, path):
    formats = [{"dtype": "f2"}, {"form": "webdataset"}, {"encoding": "zstd"}, {"form": "webdataset", "dtype": "f2"}]
    answers = [service.http.get(path, params=params) for params in formats]
    tags = [answer.headers["etag"] for answer in answers]
    assert len({*tags}) == len(formats)
    for params, tag, answer in zip(formats, tags, answers, strict=True):
        assert tag.startswith(f'W/"{hashlib.sha256(DATA).hexdigest()}-')
        assert answer.headers["accept-ranges"] == "none"
        assert "repr-digest" not in answer.headers
        again = service.http.get(path, params=params, headers={"If-None-Match": tag})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
        part = service.http.get(path, params=params, headers={"Range": "bytes=0-9"})
        assert (part.status_code, part.content) == (200, answer.content)
        head = service.http.head(path, params=params)
        assert (head.status_code, head.headers["etag"]) == (200, tag)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_batch_whose_file_was_lost(service, path, method):
    service.store.delete(batch_key(path.split("/")[3], 1, hashlib.sha256(DATA).hexdigest()))
    answer = service.http.request(method, path, params={"dtype": "f2"})
    assert answer.status_code == 410
    if method == "GET":
        problem(answer)


@pytest.mark.parametrize(("name", "value"), [("form", "zarr"), ("dtype", "f8"), ("encoding", "gzip")])
def test_unknown_formats(service, path, name, value):
    assert "one of" in errors_by_field(service.http.get(path, params={name: value}))[name]["accepted"]


@pytest.mark.parametrize("container", Container)
@pytest.mark.parametrize("encoding", Encoding)
def test_a_large_batch_is_never_in_memory_as_a_whole(tmp_path, container, encoding):
    many = 20
    arrays = {name: np.repeat(a, many, 0) if len(a.shape) and len(a) == 3 else a for name, a in ARRAYS.items()}
    arrays["mol_offsets"] = np.zeros(3 * many + 1, "i8")
    path = tmp_path / "batch.npz"
    with path.open("wb") as file:
        file.writelines(npz_chunks(arrays))
    assert path.stat().st_size > 100e6
    tracemalloc.start()
    with path.open("rb") as file:
        for chunk in BatchFormat(container, Precision.F2, encoding).chunks(file):
            assert len(chunk) <= 2 << 20
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8e6
