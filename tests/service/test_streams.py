"""A stream deletes acknowledged batches, pauses when its buffer is full, and makes batches again after a rewind."""

import pytest

from afmbatch.ledger.records import BatchFailure
from afmbatch.sampling.plan import Plan
from afmbatch.spec.delivery import StreamDelivery
from afmbatch.storage.object_store import batch_key, job_prefix

from .conftest import errors_by_field, problem, unchanged

STREAM = {"kind": "stream", "buffer_batches": 4}


@pytest.fixture
def stream(service):
    """Id of a stream without end whose first four batches are recorded."""
    job = service.job(samples=None, epochs=None, delivery=STREAM)
    fill(service, job)
    return job


def fill(service, job):
    """Make batches as a worker does until the queue is empty; return their numbers."""
    made = []
    while (name := service.redis.lpop(service.queue.key)) is not None:
        with service.queue.connection.pipeline() as pipe:
            service.scheduler.take(job, name.decode(), pipe)
            pipe.delete(b"rq:job:" + name)
            pipe.execute()
        service.ledger.jobs.mark_started(job)
        shard = int(name.decode().split("-")[2])
        for number in service.ledger.batches.missing(job, Plan(service.ledger.jobs.get(job)).shard(shard)):
            service.record(job, number, f"{job} {number}".encode())
            made.append(number)
    return made


def acknowledge(service, job, *batches):
    return service.http.post(f"/v1/jobs/{job}/acknowledge", json={"batches": batches})


def rewind(service, job, batch):
    return service.http.post(f"/v1/jobs/{job}/rewind", json={"batch": batch})


def get(service, job, batch):
    return service.http.get(f"/v1/jobs/{job}/batches/{batch}")


def test_a_stream_fills_its_buffer_and_pauses(service, stream):
    status = service.status(stream)
    assert status["state"] == "paused"
    assert status["spec"]["delivery"] == STREAM
    assert status["spec"]["epochs"] is None
    counts = status["counts"]
    assert (counts["batches"], counts["samples"], status["eta_seconds"]) == (None, None, None)
    assert (counts["batches_done"], counts["samples_done"]) == (4, 8)
    page = service.http.get(f"/v1/jobs/{stream}/batches").json()
    assert (page["total"], page["recorded"], [b["batch"] for b in page["batches"]]) == (None, 4, [0, 1, 2, 3])


def test_acknowledged_batches_are_deleted_and_make_room(service, stream):
    answer = acknowledge(service, stream, 0, 1)
    assert (answer.status_code, answer.json()) == (200, {"dropped": 2})
    assert len(service.store.keys(job_prefix(stream))) == 2
    assert service.status(stream)["state"] == "running"
    assert fill(service, stream) == [4, 5]
    assert service.status(stream)["counts"]["batches_done"] == 6
    assert service.status(stream)["state"] == "paused"
    gone = get(service, stream, 1)
    assert gone.status_code == 410
    assert "rewind" in problem(gone)["detail"]
    assert get(service, stream, 2).status_code == get(service, stream, 5).status_code == 200
    assert problem(get(service, stream, 6))["type"].endswith("not-yet")


def test_a_damaged_batch_is_made_again(service, stream):
    record = service.ledger.batches.get(stream, 2)
    service.store.put(batch_key(stream, 2, record.sha256), b"")
    answer = get(service, stream, 2)
    assert answer.status_code == 410
    assert "acknowledge batch 2 and rewind" in problem(answer)["detail"]
    assert acknowledge(service, stream, 2).is_success
    assert rewind(service, stream, 2).is_success
    assert 2 in fill(service, stream)
    assert get(service, stream, 2).content == f"{stream} 2".encode()


def test_acknowledging_again_changes_nothing(service, stream):
    acknowledge(service, stream, 0, 1, 3)
    fill(service, stream)
    with unchanged(service):
        assert acknowledge(service, stream, 0, 1, 3).json() == {"dropped": 0}
        assert acknowledge(service, stream).json() == {"dropped": 0}


def test_batches_that_were_never_issued(service, stream):
    with unchanged(service):
        answer = acknowledge(service, stream, 0, 4, 70)
    assert answer.status_code == 409
    assert "4, 70" in problem(answer)["detail"]


def test_rewinding(service, stream):
    before = get(service, stream, 1)
    for batch in range(6):
        acknowledge(service, stream, batch)
        fill(service, stream)
    assert rewind(service, stream, 1).status_code == 200
    assert problem(get(service, stream, 1))["type"].endswith("not-yet")
    assert get(service, stream, 0).status_code == 410
    assert fill(service, stream) == [1, 2, 3, 4]
    again = get(service, stream, 1)
    assert (again.content, again.headers["etag"]) == (before.content, before.headers["etag"])
    assert service.status(stream)["counts"]["batches_done"] == 5
    acknowledge(service, stream, 1, 2, 3, 4, 5)  # batch 5 was read before the rewind
    assert fill(service, stream) == [6, 7, 8, 9]


def test_batches_in_the_buffer_are_not_made_again(service, stream):
    acknowledge(service, stream, 0, 2)
    fill(service, stream)
    rewind(service, stream, 0)
    assert fill(service, stream) == [0, 2]
    assert [b["batch"] for b in service.http.get(f"/v1/jobs/{stream}/batches").json()["batches"]] == [0, 1, 2, 3]


def test_a_failed_batch_does_not_stop_the_stream(service):
    job = service.job(samples=None, epochs=None, delivery=STREAM)
    service.ledger.batches.record_failure(job, BatchFailure(batch=0, error="hung"))
    fill(service, job)
    acknowledge(service, job, 1)
    assert fill(service, job) == [4, 5]
    assert "hung" in problem(get(service, job, 0))["detail"]


def test_a_stream_with_an_end(service):
    job = service.job(delivery=STREAM | {"buffer_batches": 2})
    for batch in range(4):
        fill(service, job)
        assert get(service, job, batch).status_code == 200
        acknowledge(service, job, batch)
    status = service.status(job)
    assert (status["state"], status["counts"]["batches_done"], status["counts"]["samples_done"]) == ("done", 4, 8)
    assert service.store.keys(job_prefix(job)) == []
    assert rewind(service, job, 3).json()["state"] == "running"
    assert fill(service, job) == [3]
    assert rewind(service, job, 4).status_code == 404


def test_a_cancelled_or_deleted_stream_leaves_nothing(service, stream):
    service.http.post(f"/v1/jobs/{stream}/cancel")
    assert service.status(stream)["state"] == "cancelled"
    assert service.store.keys(job_prefix(stream)) == []
    assert service.queued() == []
    assert acknowledge(service, stream, 0).status_code == 200
    assert service.queued() == []
    assert rewind(service, stream, 0).status_code == 409
    service.http.delete(f"/v1/jobs/{stream}")
    assert not [key for key in service.everything() if stream in str(key)]


def test_a_batch_of_a_cancelled_stream(service, stream):
    """Batch 2 was made and 9 was not, but a cancelled stream has no record of that; 0 was acknowledged before."""
    acknowledge(service, stream, 0)
    service.http.post(f"/v1/jobs/{stream}/cancel")
    for batch in (2, 9):
        answer = get(service, stream, batch)
        assert (answer.status_code, problem(answer)["type"]) == (404, "urn:afmbatch:problem:not-found")
        deleted = f"Batch {stream}/{batch} does not exist: the stream was cancelled, which deleted its batches."
        assert answer.json()["detail"] == deleted
    gone = get(service, stream, 0)
    assert gone.status_code == 410
    assert "rewind" not in problem(gone)["detail"]  # which a cancelled stream refuses
    assert "Its stream was cancelled; post the spec again" in gone.json()["detail"]


def test_a_job_that_keeps_its_batches(service):
    job = service.job()
    with unchanged(service):
        for answer in (acknowledge(service, job, 0), rewind(service, job, 0)):
            assert answer.status_code == 409
            assert "stream" in problem(answer)["detail"]


def test_a_job_that_does_not_exist(service):
    job = "job-0000000000000000"
    assert acknowledge(service, job, 0).status_code == rewind(service, job, 0).status_code == 404


@pytest.mark.parametrize("body", [{}, {"batches": [-1]}, {"batches": ["0"]}, {"batches": [0], "more": 1}])
def test_bad_acknowledgements(service, stream, body):
    with unchanged(service):
        answer = service.http.post(f"/v1/jobs/{stream}/acknowledge", json=body)
    assert answer.status_code == 422
    assert errors_by_field(answer)


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"epochs": None}, "epochs"),
        ({"delivery": {"kind": "stream", "buffer_batches": 1}}, "delivery.stream.buffer_batches"),
        ({"delivery": {"kind": "stream", "buffer_batches": 100_001}}, "delivery.stream.buffer_batches"),
        ({"delivery": {"kind": "keep", "buffer_batches": 4}}, "delivery.keep.buffer_batches"),
        ({"priority": 11}, "priority"),
        ({"priority": -11}, "priority"),
    ],
)
def test_bad_specs(service, spec, field):
    answer = service.http.post("/v1/jobs", json={"dataset": service.dataset()} | spec)
    assert answer.status_code == 422
    assert field.rpartition(".")[2] in "".join(errors_by_field(answer))


def test_a_stream_is_another_recipe_and_a_priority_is_not(service):
    job = service.job(samples=8)
    spec = service.status(job)["spec"]
    other = service.http.post("/v1/jobs", json=spec | {"priority": 3})
    assert (other.status_code, other.json()["id"], other.json()["spec"]["priority"]) == (200, job, 0)
    assert service.http.post("/v1/jobs", json=spec | {"delivery": STREAM}).status_code == 201


def test_preflight_of_a_stream_without_end(service):
    spec = {"dataset": service.dataset(), "epochs": None, "delivery": STREAM}
    report = service.http.post("/v1/preflight", json=spec).json()
    assert report["accepted"]
    assert (report["samples"], report["batches"], report["seconds"]) == (None, None, None)
    assert report["bytes"] <= StreamDelivery(**STREAM).buffer_batches * report["batch_bytes"] * 1.01


def test_a_sample_of_a_stream_is_kept(service, stream):
    assert service.http.get(f"/v1/jobs/{stream}/samples/10000000").status_code == 404
    (child,) = service.ledger.jobs.children(stream)
    service.finish(child)
    assert service.http.get(f"/v1/jobs/{stream}/samples/10000000").status_code == 200


def test_a_stream_is_not_extended(service):
    job = service.job(samples=2, delivery=STREAM)
    fill(service, job)
    answer = service.http.post(f"/v1/jobs/{job}/extend", json={"kind": "epochs", "epochs": 1})
    assert answer.status_code == 409
    assert "stream" in problem(answer)["detail"]
