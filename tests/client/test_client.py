"""The client's calls work on the real service and send the right requests."""

import json
from pathlib import Path

import httpx
import pytest

from afmbatch_client import Client, ClientError, ConnectionLost, NotFound, ProblemError
from tests.service.conftest import WATER


@pytest.fixture
def water(tmp_path):
    path = tmp_path / "water.xyz"
    path.write_text(WATER)
    return path


def test_from_structures_to_a_job(client, water):
    dataset = client.upload([water])
    assert dataset["structures"] == 1
    assert client.upload(str(water))["id"] == dataset["id"]
    job = client.submit({"dataset": dataset["id"], "samples": 8, "batch_size": 2})
    assert job.status()["state"] == "queued"
    assert client.job(job.id).status()["counts"]["batches"] == 4
    assert job.id in repr(job)


def test_grids_and_tips(client):
    data = Path(__file__).parents[1] / "data" / "fdbm"
    density, potential = data / "hcooh_valence_density.cube.xz", data / "hcooh_valence_potential.xsf.xz"
    dataset = client.upload(electrons=density, electron_energy=[potential])
    assert (dataset["kinds"][0]["potential"], dataset["kinds"][0]["density"]) == (True, True)
    tip = client.upload_tip(electrons=data / "CO_tip_density.cube.xz", probe=1)
    assert tip["probe_element"] == "O"
    assert [entry["id"] for entry in client.tips()] == [tip["id"]]
    assert client.tip(tip["id"]) == tip
    client.delete_tip(tip["id"])
    with pytest.raises(NotFound, match=f"Tip {tip['id']} does not exist"):
        client.tip(tip["id"])
    with pytest.raises(ProblemError, match="the sign is wrong"):
        client.upload(potential=potential)


def test_a_refused_spec_names_its_fields(client):
    with pytest.raises(ProblemError) as e:
        client.submit({"dataset": "ds-0", "sead": 1, "distance": "near"})
    assert e.value.status == 422
    assert e.value.problem["type"].endswith(":invalid-input")
    assert {error.field for error in e.value.field_errors} == {"sead", "distance"}
    assert "did you mean 'seed'" in str(e.value)


def test_a_job_that_does_not_exist(client):
    with pytest.raises(NotFound, match="job-0000000000000000"):
        client.job("job-0000000000000000")


def test_a_preview_is_a_job(client, water):
    report = client.preflight({"dataset": client.upload(water)["id"]}, preview=2)
    assert report["accepted"]
    preview = client.job(report["preview"]["job"])
    assert preview.status()["counts"]["samples"] == 2
    assert len(report["preview"]["samples"]) == 2


def test_a_job_is_cancelled_and_deleted(client, real_service):
    job = client.job(real_service.job())
    assert job.cancel()["state"] == "cancelled"
    job.delete()
    with pytest.raises(NotFound):
        job.status()


def test_a_proxys_answer_is_not_a_problem_document():
    def proxy(request):
        return httpx.Response(403, html="<html>Forbidden</html>")

    client = Client("http://there", transport=httpx.MockTransport(proxy))
    with pytest.raises(ProblemError, match="403 Forbidden <html>") as e:
        client.presets()
    assert e.value.problem["type"] == "about:blank"


def test_another_service_at_the_address():
    transport = httpx.MockTransport(lambda _: httpx.Response(200, html="<html>Welcome"))
    with pytest.raises(ClientError, match="not an afmbatch service; it answered: <html>Welcome"):
        Client("http://there", transport=transport).presets()


def test_an_answer_that_was_lost_makes_no_second_job():
    keys = []

    def service(request):
        keys.append(request.headers["idempotency-key"])
        if len(keys) == 1:
            raise httpx.ReadError("reset", request=request)
        return httpx.Response(200, json={"id": "job-1"})

    with Client("http://there", transport=httpx.MockTransport(service)) as client:
        assert client.submit({"dataset": "ds-0"}).id == "job-1"
        client.submit({"dataset": "ds-0"})
    assert keys[0] == keys[1] != keys[2]


def test_an_upload_that_broke_is_sent_again_from_its_first_byte(water):
    bodies = []

    def service(request):
        bodies.append(request.read().split(b"\r\n\r\n")[1].partition(b"\r\n--")[0])
        return httpx.Response(201, json={"id": "ds-1"}) if len(bodies) == 2 else httpx.Response(503)

    with Client("http://there", transport=httpx.MockTransport(service)) as client:
        client.upload(water)
    assert bodies[0] == bodies[1]
    assert bodies[0] == WATER.encode()


def test_a_large_file_is_sent_in_parts(client, monkeypatch):
    data = Path(__file__).parents[1] / "data" / "fdbm"
    files = {"electrons": data / "CO_tip_density.cube.xz", "delta_electrons": data / "CO_tip_delta_density.xsf.xz"}
    whole = client.upload_tip(**files, probe="O")
    monkeypatch.setattr("afmbatch_client.parts.PART_BYTES", 10_000)
    for limit in (0, 25_000):  # all files in parts, or one of them
        monkeypatch.setattr("afmbatch_client.client.PARTS_FROM_BYTES", limit)
        assert client.upload_tip(**files, probe="O") == whole


@pytest.mark.parametrize(("error", "times"), [(httpx.ConnectError("refused"), 2), (httpx.ReadError("reset"), 1)])
def test_an_extension_is_sent_again_only_if_it_did_not_arrive(error, times):
    sent = []

    def service(request):
        if request.method == "POST":
            sent.append(json.loads(request.content))
            if len(sent) == 1:
                raise error
        return httpx.Response(200, json={"id": "job-1"})

    with Client("http://there", transport=httpx.MockTransport(service)) as client:
        job = client.job("job-1")
        if times == 2:
            job.extend(epochs=3)
        else:
            with pytest.raises(ConnectionLost, match="reset"):
                job.extend(epochs=3)
    assert sent == [{"kind": "epochs", "epochs": 3}] * times


def sent_by(call):
    """Return method, address and document of the last request of a call."""
    sent = []

    def service(request):
        sent.append((request.method, str(request.url), json.loads(request.content or "null")))
        return httpx.Response(200, json={"id": "job-1", "presets": [{"name": "asd-afm"}]})

    with Client("http://there/afm/", transport=httpx.MockTransport(service)) as client:
        call(client)
    return sent[-1]


@pytest.mark.parametrize(
    ("call", "sent"),
    [
        (lambda c: c.presets(), ("GET", "http://there/afm/v1/presets", None)),
        (lambda c: c.preset("asd-afm", "ds-1"), ("GET", "http://there/afm/v1/presets/asd-afm?dataset=ds-1", None)),
        (
            lambda c: c.preflight({"dataset": "ds-1"}, preview=2),
            ("POST", "http://there/afm/v1/preflight?preview=2", {"dataset": "ds-1"}),
        ),
        (
            lambda c: c.job("job-1").extend(dataset="ds-2"),
            ("POST", "http://there/afm/v1/jobs/job-1/extend", {"kind": "molecules", "dataset": "ds-2"}),
        ),
        (
            lambda c: c.job("job-1").acknowledge([1, 2]),
            ("POST", "http://there/afm/v1/jobs/job-1/acknowledge", {"batches": [1, 2]}),
        ),
        (lambda c: c.job("job-1").rewind(5), ("POST", "http://there/afm/v1/jobs/job-1/rewind", {"batch": 5})),
    ],
)
def test_calls_send_these_requests(call, sent):
    assert sent_by(call) == sent


def test_an_extension_is_of_one_kind():
    with pytest.raises(ValueError, match="either"):
        sent_by(lambda c: c.job("job-1").extend())


def test_an_address_without_a_scheme_is_refused():
    with pytest.raises(ValueError, match="http://"):
        Client("127.0.0.1:8000")
