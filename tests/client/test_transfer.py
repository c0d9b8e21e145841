"""Broken transfers: what has arrived stays, only the rest is asked for, and the sha256 decides."""

import hashlib

import pytest

from afmbatch_client import Client, ConnectionLost, Damaged, NotYet, ProblemError

from .conftest import number_of
from .stand_in import JOB


@pytest.fixture
def there(stand_in):
    stand_in.put(0)
    return stand_in.files[0]


def asked(stand_in):
    return [headers.get("Range") for headers in stand_in.downloads()]


def test_a_batch_arrives(job, stand_in, there):
    batch = job.batch(0)
    assert batch.buffer.tobytes() == there
    assert batch.sha256 == hashlib.sha256(there).hexdigest()
    assert number_of(batch) == 0
    assert asked(stand_in) == [None]


def test_after_a_broken_connection_only_the_rest_is_asked_for(job, stand_in, there):
    stand_in.faults = [70_000, 20_000]
    assert job.batch(0).buffer.tobytes() == there
    assert asked(stand_in) == [None, "bytes=70000-", "bytes=90000-"]
    assert stand_in.downloads()[-1]["If-Range"] == f'"{hashlib.sha256(there).hexdigest()}"'


def test_another_file_meanwhile_is_fetched_anew(job, stand_in, there):
    stand_in.faults = [70_000]
    stand_in.files[0] = there  # the same length, other bytes, from the second request on
    changed = there[:-1] + bytes([there[-1] ^ 1])

    class Changing(dict):
        def __getitem__(self, n):
            return changed if len(stand_in.downloads()) > 1 else there

    stand_in.files = Changing(stand_in.files)
    sink = job.batch(0)
    assert sink.sha256 == hashlib.sha256(changed).hexdigest()
    assert sink.buffer.tobytes() == changed


def test_bytes_that_are_wrong_once_are_fetched_again(job, stand_in, there):
    stand_in.faults = ["wrong"]
    assert job.batch(0).buffer.tobytes() == there
    assert asked(stand_in) == [None, None]


def test_bytes_that_are_wrong_again_are_an_error(job, stand_in, there):
    stand_in.faults = ["wrong", "wrong"]
    with pytest.raises(Damaged, match="batches/0: sha256"):
        job.batch(0)


def test_unchecked_bytes_are_the_callers_affair(job, stand_in, there):
    stand_in.faults = ["wrong"]
    assert job.batch(0, check=False).buffer.tobytes()[:-1] == there[:-1]
    assert len(stand_in.downloads()) == 1


@pytest.mark.parametrize("status", [502, 503])
def test_a_service_that_is_away_for_a_moment(job, stand_in, there, status):
    stand_in.faults = [status, status, 50_000, status]
    assert job.batch(0).buffer.tobytes() == there


def test_one_that_stays_away(stand_in, there):
    with stand_in.serving() as url:
        client = Client(url, patience=0.2)
        job = client.job(JOB)
        stand_in.faults = [503] * 100
        with pytest.raises(ProblemError, match="Redis does not answer") as e:
            job.batch(0)
        assert e.value.status == 503
    client.close()
    with pytest.raises(ConnectionLost, match="refused"):
        Client(url, patience=0.2).job(JOB)


def test_progress_renews_the_patience(stand_in):
    """Twenty breaks would be too many for a patience of 0.5 s, had each not brought something."""
    stand_in.put(0)
    stand_in.faults = [4000] * 20
    with stand_in.serving() as url, Client(url, patience=0.5) as client:
        assert number_of(client.job(JOB).batch(0)) == 0
    assert len(asked(stand_in)) == 21


def test_a_link_is_followed(job, stand_in, there):
    stand_in.links = True
    assert job.batch(0).buffer.tobytes() == there


def test_a_link_that_expired_is_renewed_and_the_rest_comes_by_the_new_one(job, stand_in, there):
    stand_in.links = True
    stand_in.faults = [70_000, "expired", "expired"]
    assert job.batch(0).buffer.tobytes() == there
    ranges = [h.get("Range") for _, path, h in stand_in.requests if "/link/" in path]
    assert ranges == [None, "bytes=70000-", "bytes=70000-", "bytes=70000-"]


def test_links_that_are_all_expired(stand_in, there):
    stand_in.links = True
    stand_in.faults = ["expired"] * 100
    with stand_in.serving() as url, Client(url, patience=0.2) as client:
        with pytest.raises(ConnectionLost, match="link/0: 403") as e:
            client.job(JOB).batch(0)
        assert "expires" not in str(e.value)  # signatures are nobody's business


def test_a_batch_still_to_come(job):
    with pytest.raises(NotYet, match="still to come"):
        job.batch(0, wait=0)


def test_a_service_that_waits_is_asked_to(job, stand_in):
    stand_in.waits = True
    stand_in.put(0)
    assert number_of(job.batch(0, wait=20)) == 0
    assert "wait=20" in stand_in.requests[-1][1]


def test_one_that_does_not_is_asked_again_when_it_says(job, stand_in):
    """Retry-After is 1 s: there is time for one more look."""
    with pytest.raises(NotYet):
        job.batch(0, wait=1.5)
    assert len(stand_in.downloads()) == 2
