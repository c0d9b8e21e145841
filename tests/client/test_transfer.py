"""Broken transfers: bytes that arrived are kept, only the rest is requested, and the sha256 decides."""

import hashlib

import pytest

from afmbatch_client import Client, ConnectionLost, CorruptData, NotYet, ProblemError

from .conftest import number_of
from .stand_in import JOB


@pytest.fixture
def data(stand_in):
    """The bytes of batch 0, which is made."""
    stand_in.put(0)
    return stand_in.files[0]


def ranges(stand_in):
    """Return the ranges that were requested."""
    return [headers.get("Range") for headers in stand_in.downloads()]


def test_a_batch_arrives(job, stand_in, data):
    batch = job.batch(0)
    assert batch.buffer.tobytes() == data
    assert batch.sha256 == hashlib.sha256(data).hexdigest()
    assert number_of(batch) == 0
    assert ranges(stand_in) == [None]


def test_after_a_broken_connection_only_the_rest_is_requested(job, stand_in, data):
    stand_in.failures = [70_000, 20_000]
    assert job.batch(0).buffer.tobytes() == data
    assert ranges(stand_in) == [None, "bytes=70000-", "bytes=90000-"]
    assert stand_in.downloads()[-1]["If-Range"] == f'"{hashlib.sha256(data).hexdigest()}"'


def test_a_file_that_changes_during_the_transfer_is_fetched_anew(job, stand_in, data):
    stand_in.failures = [70_000]
    # From the second request on the file has other bytes of the same length.
    changed = data[:-1] + bytes([data[-1] ^ 1])

    class Changing(dict):
        def __getitem__(self, n):
            return changed if len(stand_in.downloads()) > 1 else data

    stand_in.files = Changing(stand_in.files)
    batch = job.batch(0)
    assert batch.sha256 == hashlib.sha256(changed).hexdigest()
    assert batch.buffer.tobytes() == changed


def test_bytes_that_are_wrong_once_are_fetched_again(job, stand_in, data):
    stand_in.failures = ["wrong"]
    assert job.batch(0).buffer.tobytes() == data
    assert ranges(stand_in) == [None, None]


def test_bytes_that_are_wrong_again_are_an_error(job, stand_in, data):
    stand_in.failures = ["wrong", "wrong"]
    with pytest.raises(CorruptData, match="batches/0: sha256"):
        job.batch(0)


def test_unchecked_bytes_are_returned_as_they_are(job, stand_in, data):
    stand_in.failures = ["wrong"]
    assert job.batch(0, check=False).buffer.tobytes()[:-1] == data[:-1]
    assert len(stand_in.downloads()) == 1


@pytest.mark.parametrize("status", [502, 503])
def test_a_service_that_is_away_for_a_moment(job, stand_in, data, status):
    stand_in.failures = [status, status, 50_000, status]
    assert job.batch(0).buffer.tobytes() == data


def test_a_service_that_stays_away(stand_in, data):
    with stand_in.serving() as url:
        client = Client(url, retry_for=0.2)
        job = client.job(JOB)
        stand_in.failures = [503] * 100
        with pytest.raises(ProblemError, match="Redis does not answer") as e:
            job.batch(0)
        assert e.value.status == 503
    client.close()
    with pytest.raises(ConnectionLost, match="refused"):
        Client(url, retry_for=0.2).job(JOB)


def test_progress_starts_the_retry_time_anew(stand_in):
    """Twenty breaks would take longer than 0.5 s in all, but each is followed by progress."""
    stand_in.put(0)
    stand_in.failures = [4000] * 20
    with stand_in.serving() as url, Client(url, retry_for=0.5) as client:
        assert number_of(client.job(JOB).batch(0)) == 0
    assert len(ranges(stand_in)) == 21


def test_a_link_is_followed(job, stand_in, data):
    stand_in.links = True
    assert job.batch(0).buffer.tobytes() == data


def test_a_link_that_expired_is_renewed_and_the_rest_comes_by_the_new_one(job, stand_in, data):
    stand_in.links = True
    stand_in.failures = [70_000, "expired", "expired"]
    assert job.batch(0).buffer.tobytes() == data
    requested = [h.get("Range") for _, path, h in stand_in.requests if "/link/" in path]
    assert requested == [None, "bytes=70000-", "bytes=70000-", "bytes=70000-"]


def test_links_that_are_all_expired(stand_in, data):
    stand_in.links = True
    stand_in.failures = ["expired"] * 100
    with stand_in.serving() as url, Client(url, retry_for=0.2) as client:
        with pytest.raises(ConnectionLost, match="link/0: 403") as e:
            client.job(JOB).batch(0)
        assert "expires" not in str(e.value)  # the signature of a link does not appear in errors


def test_a_batch_still_to_come(job):
    with pytest.raises(NotYet, match="still to come"):
        job.batch(0, wait=0)


def test_the_service_is_asked_to_wait(job, stand_in):
    stand_in.put(0)
    assert number_of(job.batch(0, wait=20)) == 0
    assert "wait=20" in stand_in.requests[-1][1]


def test_a_service_that_answers_before_the_time_is_asked_again_after_retry_after(job, stand_in):
    """A service that shuts down does not wait. Retry-After is 1 s, which leaves time for one more request."""
    stand_in.waits = False
    with pytest.raises(NotYet):
        job.batch(0, wait=1.5)
    assert len(stand_in.downloads()) == 2
