"""A page of another web site can neither read nor change anything through the browser of a user."""

import pytest

from afmbatch.settings import Settings

from .conftest import WATER, problem, running, unchanged

FORM = {"files": [("files", ("water.xyz", WATER))]}


def own(service):
    return f"{service.http.base_url.host}:{service.http.base_url.port}"


@pytest.mark.parametrize("origin", ["https://evil.example", "http://127.0.0.1:1", "http://localhost", "null", "x"])
def test_a_form_of_another_origin(service, origin):
    job = service.job()
    with unchanged(service):
        answers = [
            service.http.post("/v1/datasets", **FORM, headers={"Origin": origin}),
            service.http.post(f"/v1/jobs/{job}/cancel", headers={"Origin": origin, "Content-Type": "text/plain"}),
            service.http.get("/v1/jobs", headers={"Origin": origin}),
        ]
    for answer in answers:
        assert answer.status_code == 403
        assert problem(answer)["type"].endswith(":foreign-origin")


def test_a_page_of_the_service_itself(service):
    headers = {"Origin": f"http://{own(service)}", "Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors"}
    assert service.http.post("/v1/datasets", **FORM, headers=headers).status_code == 201


@pytest.mark.parametrize(
    ("site", "mode", "status"),
    [
        ("cross-site", "no-cors", 403),  # an image: a GET for a sample would have it made
        ("same-site", "no-cors", 403),  # another port of the same host
        ("cross-site", "navigate", 200),  # a link
        ("none", "navigate", 200),  # an address that the user entered
        ("same-origin", "cors", 200),
    ],
)
def test_a_request_without_an_origin(service, site, mode, status):
    answer = service.http.get("/v1/jobs", headers={"Sec-Fetch-Site": site, "Sec-Fetch-Mode": mode})
    assert answer.status_code == status


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8000", "127.0.0.1.evil.example", "evil.example.", "1.2", "[::1", ":8000"]
)
def test_a_name_that_somebody_points_here(service, host):
    with unchanged(service):
        answer = service.http.post("/v1/datasets", **FORM, headers={"Host": host})
    assert answer.status_code == 421
    assert "AFMBATCH_PUBLIC_NAMES" in problem(answer)["detail"]


@pytest.mark.parametrize("host", ["localhost:8000", "service", "192.168.1.7:8000", "[::1]:8000", "[fe80::1]"])
def test_names_that_nobody_else_can_have(service, host):
    assert service.http.get("/v1/health", headers={"Host": host}).status_code == 200


def test_names_of_the_settings(redis_url, tmp_path):
    settings = Settings(redis_url=redis_url, store_url=tmp_path.as_uri(), public_names="afm.example.org, Other.example")
    with running(settings) as service:
        for name in ("afm.example.org", "AFM.example.org:443", "other.example"):
            # A proxy may have replaced the host by another name.
            for headers in ({"Host": name}, {"Host": name, "Origin": f"https://{name}"}, {"Origin": f"https://{name}"}):
                assert service.http.get("/v1/health", headers=headers).status_code == 200
        assert service.http.get("/v1/health", headers={"Host": "evil.example"}).status_code == 421


def test_no_page_may_read_answers(service):
    headers = {"Origin": "https://evil.example", "Access-Control-Request-Method": "DELETE"}
    answer = service.http.options("/v1/jobs/job-0000000000000000", headers=headers)
    assert not answer.is_success
    assert not [name for name in answer.headers if name.startswith("access-control")]
