"""Every error is a problem document: valid JSON without internals of the service."""

import json

import pytest
from redis import Redis

from afmbatch.ledger.ledger import Ledger
from service.app import create_app

from .conftest import problem, serving, unchanged

JSON = {"content-type": "application/json"}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[" * 100_000,
        b'{"dataset": "\xff"}',
        b'{"dataset": "\\ud800"}',
        b'{"samples": ' + b"9" * 5000 + b"}",
        b"{} {}",
    ],
)
def test_a_body_that_is_not_json(service, body):
    with unchanged(service):
        answer = service.http.post("/v1/jobs", content=body, headers=JSON)
    assert answer.status_code == 400
    problem(answer)


@pytest.mark.parametrize("body", [b"null", b"[]", b"3", b'"text"', b"NaN"])
def test_json_that_is_not_an_object(service, body):
    answer = service.http.post("/v1/jobs", content=body, headers=JSON)
    assert answer.status_code == 422
    assert problem(answer)["errors"][0]["accepted"].startswith("an object with the fields dataset, scan")


@pytest.mark.parametrize("given", [{}, {"content-type": "text/plain"}, {"content-type": "multipart/form-data"}])
def test_a_body_of_another_type(service, given):
    answer = service.http.post("/v1/jobs", content=b'{"dataset": "ds-0"}', headers=given)
    assert answer.status_code == 415
    assert "application/json" in problem(answer)["detail"]


def test_json_of_any_charset_label(service):
    answer = service.http.post(
        "/v1/jobs", content=b'{"dataset": "ds-0"}', headers={"content-type": "application/JSON; charset=utf-8"}
    )
    assert answer.status_code == 422


def test_json_that_is_too_large(service):
    answer = service.http.post("/v1/jobs", content=b" " * (1 << 20) + b"{}", headers=JSON)
    assert answer.status_code == 413
    problem(answer)


@pytest.mark.parametrize("path", ["/v2", "/v1", "/v1/job", "/v1/jobs/x/y", "/v1/%FF", "/v1/é", "/../etc/passwd"])
def test_an_unknown_path(service, path):
    answer = service.http.get(path)
    assert answer.status_code == 404
    assert problem(answer)["type"].endswith(":not-found")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/v1/jobs", "GET, POST"),
        ("PATCH", "/v1/datasets/ds-0", "DELETE, GET"),
        ("POST", "/v1/jobs/job-0123456789abcdef/batches/0", "GET, HEAD"),
        ("GET", "/v1/jobs/job-0123456789abcdef/cancel", "POST"),
    ],
)
def test_a_method_that_is_not_supported(service, method, path, allowed):
    answer = service.http.request(method, path)
    assert answer.status_code == 405
    assert answer.headers["allow"] == allowed
    assert allowed in problem(answer)["detail"]


def test_given_values_are_shown_short_and_as_text(service):
    body = json.dumps({"dataset": "x" * 1000, "seed": float("nan"), "distance": [float("inf")], "samples": 10**300})
    shown = {
        e["field"]: e["value"] for e in problem(service.http.post("/v1/jobs", content=body, headers=JSON))["errors"]
    }
    assert shown["seed"] == "NaN"
    assert shown["distance"] == "[Infinity]"
    assert all(len(value) < 120 for value in shown.values())


@pytest.fixture
def without_redis(session_service):
    """Address of a service whose Redis does not answer."""
    nowhere = Ledger.on(Redis.from_url("unix:///nowhere/redis", decode_responses=True))
    app = create_app(session_service.settings, nowhere, session_service.store, session_service.queue)
    with serving(app) as url:
        yield url


def test_redis_does_not_answer(without_redis, service, caplog):
    for method, path in (("GET", "/v1/jobs"), ("GET", "/v1/datasets"), ("GET", "/v1/workers"), ("GET", "/v1/ready")):
        answer = service.http.request(method, f"{without_redis}{path}")
        assert answer.status_code == 503, path
        assert answer.headers["retry-after"]
        assert "nowhere" not in answer.text
        assert "redis" in problem(answer)["detail"].lower()
    assert "nowhere" in caplog.text


def test_an_unexpected_error_reveals_no_internals(service, monkeypatch):
    def fail(*_):
        raise ValueError("secret")

    monkeypatch.setattr(service.ledger.jobs, "page", fail)
    answer = service.http.get("/v1/jobs")
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert problem(answer)["type"].endswith(":internal-error")
