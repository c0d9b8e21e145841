"""A job's batches are downloaded as files: in parallel, continued, checked, and renamed when they are complete."""

import hashlib

import pytest

from afmbatch.ledger.records import BatchFailure
from afmbatch_client import Client, CorruptData, JobFailed

from .stand_in import JOB, StandIn, npz_of

NAMES = [f"batch-{n:08d}.npz" for n in range(6)]


@pytest.fixture
def made(stand_in):
    stand_in.put(*range(6))
    stand_in.state = "done"
    return stand_in


def names(directory):
    return sorted(path.name for path in directory.iterdir())


def test_all_batches_are_downloaded(job, made, tmp_path):
    paths = job.download(tmp_path / "new" / "folder")
    assert [path.name for path in paths] == NAMES == names(tmp_path / "new" / "folder")
    assert [path.read_bytes() for path in paths] == [made.files[n] for n in range(6)]


def test_correct_files_are_not_sent_again(job, made, tmp_path):
    job.download(tmp_path)
    (tmp_path / NAMES[3]).write_bytes(b"half")
    (tmp_path / NAMES[4]).unlink()
    made.requests.clear()
    times = {name: (tmp_path / name).stat().st_mtime_ns for name in NAMES if name not in NAMES[3:5]}
    paths = job.download(tmp_path, parallel=1)
    assert [path.read_bytes() for path in paths] == [made.files[n] for n in range(6)]
    assert {name: (tmp_path / name).stat().st_mtime_ns for name in times} == times
    conditions = [headers.get("If-None-Match", "").strip('"') for headers in made.downloads()]
    assert conditions[4] == ""
    assert conditions[3] == hashlib.sha256(b"half").hexdigest()
    assert conditions[0] == hashlib.sha256(made.files[0]).hexdigest()


def test_a_part_file_is_continued_by_the_next_run(made, tmp_path):
    made.failures = [60_000] + [503] * 1000
    with made.serving() as url, Client(url, retry_for=0.2) as client:
        with pytest.raises(Exception, match="Redis"):
            client.job(JOB).download(tmp_path, parallel=1)
        sha256 = hashlib.sha256(made.files[0]).hexdigest()
        assert names(tmp_path) == [f".{NAMES[0]}.{sha256}.part"]
        made.failures = []
        made.requests.clear()
        client.job(JOB).download(tmp_path, parallel=1)
        assert made.downloads()[0]["Range"].startswith("bytes=60000-")
    assert names(tmp_path) == NAMES
    assert (tmp_path / NAMES[0]).read_bytes() == made.files[0]


def test_a_part_file_of_another_sha256_is_dropped(job, made, tmp_path):
    (tmp_path / f".{NAMES[0]}.{'0' * 64}.part").write_bytes(made.files[0][:100])
    (path, *_) = job.download(tmp_path)
    assert path.read_bytes() == made.files[0]
    assert names(tmp_path) == NAMES


@pytest.mark.parametrize("length", [None, 10**6])
def test_a_part_file_that_is_complete_or_too_long(job, made, tmp_path, length):
    data = made.files[0]
    part = tmp_path / f".{NAMES[0]}.{hashlib.sha256(data).hexdigest()}.part"
    part.write_bytes(data if length is None else data.ljust(length))
    job.download(tmp_path)
    assert (tmp_path / NAMES[0]).read_bytes() == data


def test_corrupt_files_are_not_kept(job, made, tmp_path):
    made.failures = ["wrong"] * 100
    with pytest.raises(CorruptData):
        job.download(tmp_path)
    assert not (tmp_path / NAMES[0]).exists()


def test_failed_batches_are_reported_at_the_end(client, real_service, tmp_path):
    job = client.job(real_service.job())
    for n in (0, 2, 3):
        real_service.record(job.id, n, npz_of(n))
    real_service.ledger.batches.record_failure(job.id, BatchFailure(batch=1, error="two atoms in one place"))
    with pytest.raises(JobFailed, match="two atoms"):
        job.download(tmp_path)
    assert names(tmp_path) == [NAMES[n] for n in (0, 2, 3)]


def test_a_stream_without_end_is_not_downloaded(stream, tmp_path):
    with pytest.raises(ValueError, match=f"{JOB} is a stream without end, whose batches would fill the disk"):
        stream.job.download(tmp_path / "new")
    assert not (tmp_path / "new").exists()


@pytest.fixture
def finite_stream():
    """The job of a stream of six batches, whose buffer has room for two, and its stand-in."""
    stand_in = StandIn(total=6, delivery={"kind": "stream", "buffer_batches": 2})
    with stand_in.serving() as url, Client(url) as client:
        stand_in.job = client.job(JOB)
        yield stand_in


def test_a_finite_stream_is_acknowledged_as_it_is_downloaded(finite_stream, tmp_path):
    finite_stream.job.download(tmp_path)
    assert names(tmp_path) == NAMES
    assert finite_stream.acknowledged == set(range(6))


def test_the_download_of_a_finite_stream_is_continued(finite_stream, tmp_path):
    """Acknowledged batches whose files exist are kept; those whose files are missing are made again."""
    finite_stream.job.download(tmp_path)
    kept = (tmp_path / NAMES[0]).stat().st_mtime_ns
    for name in (NAMES[2], NAMES[4]):
        (tmp_path / name).unlink()
    paths = finite_stream.job.download(tmp_path)
    assert [path.read_bytes() for path in paths] == [npz_of(n) for n in range(6)]
    assert (tmp_path / NAMES[0]).stat().st_mtime_ns == kept
    assert finite_stream.acknowledged == set(range(6))
