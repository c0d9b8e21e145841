"""Server-sent events, and waiting for a job."""

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from afmbatch_client import Event, JobFailed, NotFound
from afmbatch_client.events import parse_events

from .conftest import number_of
from .stand_in import npz_of

TEXT = (
    ': hello\n\nid: 1\nevent: batch\ndata: {"batch":\r\ndata:  0}\r\n\r\nevent:end\nid: 2\ndata: null\n\n'
    'data: "cut off"'
)
EVENTS = [Event("batch", {"batch": 0}, "1"), Event("end", None, "2")]


@given(st.lists(st.integers(0, len(TEXT)), max_size=6))
def test_events_however_they_are_cut(cuts):
    edges = [0, *sorted(cuts), len(TEXT)]
    assert list(parse_events(TEXT[a:b] for a, b in itertools.pairwise(edges))) == EVENTS


def test_a_stream_that_breaks_goes_on_after_the_last_event(job, stand_in):
    stand_in.events = ['id: 1\nevent: batch\ndata: {"batch": 0}\n\n', "id: 2\nevent: end\ndata: null\n\n"]
    assert list(job.events()) == EVENTS
    asked = [headers.get("Last-Event-ID") for _, path, headers in stand_in.requests if path.endswith("/events")]
    assert asked == [None, "1"]


def test_events_of_a_job_that_does_not_exist(client, house):
    job = client.job(house.job())
    job.delete()
    with pytest.raises(NotFound):
        next(job.events())


def test_waiting_by_events(job, stand_in):
    stand_in.events = [f"event: progress\ndata: {json.dumps(stand_in.status)}\n\n", "event: end\ndata: null\n\n"]
    statuses = job._statuses()
    assert [next(statuses)["state"] for _ in range(2)] == ["running", "running"]
    stand_in.state = "done"
    assert [status["state"] for status in statuses] == ["done"]
    assert job.wait()["state"] == "done"


def test_waiting_for_a_job_of_the_real_service(client, house, capfd):
    job = client.job(house.job())
    statuses = job._statuses()
    assert [next(statuses)["state"] for _ in range(2)] == ["queued", "queued"]
    for n in range(4):
        house.record(job.id, n, npz_of(n))
    *_, last = statuses
    assert last["counts"]["batches_done"] == 4
    assert [event.data["batch"] for event in job.events() if event.kind == "batch"] == [0, 1, 2, 3]
    assert job.wait()["state"] == "done"
    assert capfd.readouterr() == ("", "")  # no terminal, no bar
    assert number_of(job.batch(0)) == 0


def test_a_bar_on_a_terminal(job, stand_in, monkeypatch, capfd):
    monkeypatch.setenv("TTY_COMPATIBLE", "1")  # rich's way to say that the output is a terminal
    stand_in.state = "done"
    job.wait(progress=False)
    assert capfd.readouterr() == ("", "")
    job.wait()
    out, err = capfd.readouterr()
    assert out == ""
    assert "samples" in err
    assert "7/s" in err


def test_waiting_for_a_job_that_is_cancelled(client, house):
    job = client.job(house.job())
    job.cancel()
    with pytest.raises(JobFailed, match=f"{job.id} is cancelled"):
        job.wait()
