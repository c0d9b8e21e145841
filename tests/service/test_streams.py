"""Streams over HTTP: acknowledged batches are gone, a full buffer pauses, going back brings everything again."""

import pytest

from afmbatch.ledger.records import BatchFailure
from afmbatch.sampling.plan import Plan
from afmbatch.spec.delivery import StreamDelivery
from afmbatch.storage.object_store import job_prefix

from .conftest import faults, problem, unchanged

STREAM = {"kind": "stream", "buffer_batches": 4}


@pytest.fixture
def stream(house):
    """A stream without end, whose first four batches are made."""
    job = house.job(samples=None, epochs=None, delivery=STREAM)
    fill(house, job)
    return job


def fill(house, job):
    """Do a worker's work until nothing is left to do; which batches it made."""
    made = []
    while (name := house.redis.lpop(house.queue.key)) is not None:
        with house.queue.connection.pipeline() as pipe:
            house.issuer.take(job, name.decode(), pipe)
            pipe.delete(b"rq:job:" + name)
            pipe.execute()
        house.ledger.jobs.mark_started(job)
        shard = int(name.decode().split("-")[2])
        for number in house.ledger.batches.missing(job, Plan(house.ledger.jobs.get(job)).shard(shard)):
            house.record(job, number, f"{job} {number}".encode())
            made.append(number)
    return made


def acknowledge(house, job, *batches):
    return house.http.post(f"/v1/jobs/{job}/acknowledge", json={"batches": batches})


def rewind(house, job, batch):
    return house.http.post(f"/v1/jobs/{job}/rewind", json={"batch": batch})


def get(house, job, batch):
    return house.http.get(f"/v1/jobs/{job}/batches/{batch}")


def test_it_fills_its_buffer_and_pauses(house, stream):
    status = house.status(stream)
    assert status["state"] == "paused"
    assert status["spec"]["delivery"] == STREAM
    assert status["spec"]["epochs"] is None
    counts = status["counts"]
    assert (counts["batches"], counts["samples"], status["eta_seconds"]) == (None, None, None)
    assert (counts["batches_done"], counts["samples_done"]) == (4, 8)
    page = house.http.get(f"/v1/jobs/{stream}/batches").json()
    assert (page["total"], page["recorded"], [b["batch"] for b in page["batches"]]) == (None, 4, [0, 1, 2, 3])


def test_what_is_acknowledged_is_dropped_and_makes_room(house, stream):
    answer = acknowledge(house, stream, 0, 1)
    assert (answer.status_code, answer.json()) == (200, {"dropped": 2})
    assert len(house.store.keys(job_prefix(stream))) == 2
    assert house.status(stream)["state"] == "running"
    assert fill(house, stream) == [4, 5]
    assert house.status(stream)["counts"]["batches_done"] == 6
    assert house.status(stream)["state"] == "paused"
    gone = get(house, stream, 1)
    assert gone.status_code == 410
    assert "rewind" in problem(gone)["detail"]
    assert get(house, stream, 2).status_code == get(house, stream, 5).status_code == 200
    assert problem(get(house, stream, 6))["type"].endswith("not-yet")


def test_acknowledging_again_changes_nothing(house, stream):
    acknowledge(house, stream, 0, 1, 3)
    fill(house, stream)
    with unchanged(house):
        assert acknowledge(house, stream, 0, 1, 3).json() == {"dropped": 0}
        assert acknowledge(house, stream).json() == {"dropped": 0}


def test_one_that_was_never_to_be_made_yet(house, stream):
    with unchanged(house):
        answer = acknowledge(house, stream, 0, 4, 70)
    assert answer.status_code == 409
    assert "4, 70" in problem(answer)["detail"]


def test_going_back(house, stream):
    before = get(house, stream, 1)
    for batch in range(6):
        acknowledge(house, stream, batch)
        fill(house, stream)
    assert rewind(house, stream, 1).status_code == 200
    assert problem(get(house, stream, 1))["type"].endswith("not-yet")
    assert get(house, stream, 0).status_code == 410
    assert fill(house, stream) == [1, 2, 3, 4]
    again = get(house, stream, 1)
    assert (again.content, again.headers["etag"]) == (before.content, before.headers["etag"])
    assert house.status(stream)["counts"]["batches_done"] == 5
    acknowledge(house, stream, 1, 2, 3, 4, 5)  # the last one had been read before, too
    assert fill(house, stream) == [6, 7, 8, 9]


def test_what_is_in_the_buffer_is_not_made_again(house, stream):
    acknowledge(house, stream, 0, 2)
    fill(house, stream)
    rewind(house, stream, 0)
    assert fill(house, stream) == [0, 2]
    assert [b["batch"] for b in house.http.get(f"/v1/jobs/{stream}/batches").json()["batches"]] == [0, 1, 2, 3]


def test_a_batch_that_could_not_be_made_holds_nothing_up(house):
    job = house.job(samples=None, epochs=None, delivery=STREAM)
    house.ledger.batches.record_failure(job, BatchFailure(batch=0, error="hung"))
    fill(house, job)
    acknowledge(house, job, 1)
    assert fill(house, job) == [4, 5]
    assert "hung" in problem(get(house, job, 0))["detail"]


def test_a_stream_with_an_end(house):
    job = house.job(delivery=STREAM | {"buffer_batches": 2})
    for batch in range(4):
        fill(house, job)
        assert get(house, job, batch).status_code == 200
        acknowledge(house, job, batch)
    status = house.status(job)
    assert (status["state"], status["counts"]["batches_done"], status["counts"]["samples_done"]) == ("done", 4, 8)
    assert house.store.keys(job_prefix(job)) == []
    assert rewind(house, job, 3).json()["state"] == "running"
    assert fill(house, job) == [3]
    assert rewind(house, job, 4).status_code == 404


def test_cancelled_or_deleted_it_leaves_nothing(house, stream):
    house.http.post(f"/v1/jobs/{stream}/cancel")
    assert house.status(stream)["state"] == "cancelled"
    assert house.store.keys(job_prefix(stream)) == []
    assert house.queued() == []
    assert acknowledge(house, stream, 0).status_code == 200
    assert house.queued() == []
    assert rewind(house, stream, 0).status_code == 409
    house.http.delete(f"/v1/jobs/{stream}")
    assert not [key for key in house.everything() if stream in str(key)]


def test_a_job_that_keeps_its_batches(house):
    job = house.job()
    with unchanged(house):
        for answer in (acknowledge(house, job, 0), rewind(house, job, 0)):
            assert answer.status_code == 409
            assert "stream" in problem(answer)["detail"]


def test_no_such_job(house):
    job = "job-0000000000000000"
    assert acknowledge(house, job, 0).status_code == rewind(house, job, 0).status_code == 404


@pytest.mark.parametrize("body", [{}, {"batches": [-1]}, {"batches": ["0"]}, {"batches": [0], "more": 1}])
def test_bad_acknowledgements(house, stream, body):
    with unchanged(house):
        answer = house.http.post(f"/v1/jobs/{stream}/acknowledge", json=body)
    assert answer.status_code == 422
    assert faults(answer)


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
def test_bad_specs(house, spec, field):
    answer = house.http.post("/v1/jobs", json={"dataset": house.dataset()} | spec)
    assert answer.status_code == 422
    assert field.rpartition(".")[2] in "".join(faults(answer))


def test_a_stream_is_another_recipe_and_a_priority_is_not(house):
    job = house.job(samples=8)
    spec = house.status(job)["spec"]
    other = house.http.post("/v1/jobs", json=spec | {"priority": 3})
    assert (other.status_code, other.json()["id"], other.json()["spec"]["priority"]) == (200, job, 0)
    assert house.http.post("/v1/jobs", json=spec | {"delivery": STREAM}).status_code == 201


def test_preflight_of_a_stream_without_end(house):
    spec = {"dataset": house.dataset(), "epochs": None, "delivery": STREAM}
    report = house.http.post("/v1/preflight", json=spec).json()
    assert report["accepted"]
    assert (report["samples"], report["batches"], report["seconds"]) == (None, None, None)
    assert report["bytes"] <= StreamDelivery(**STREAM).buffer_batches * report["batch_bytes"] * 1.01


def test_a_sample_of_a_stream_is_kept(house, stream):
    assert house.http.get(f"/v1/jobs/{stream}/samples/10000000").status_code == 404
    (child,) = house.ledger.jobs.children(stream)
    house.finish(child)
    assert house.http.get(f"/v1/jobs/{stream}/samples/10000000").status_code == 200


def test_a_stream_is_not_extended(house):
    job = house.job(samples=2, delivery=STREAM)
    fill(house, job)
    answer = house.http.post(f"/v1/jobs/{job}/extend", json={"kind": "epochs", "epochs": 1})
    assert answer.status_code == 409
    assert "stream" in problem(answer)["detail"]
