"""Query parameters that an address does not have are refused and not ignored."""

import pytest

from afmbatch.settings import Settings
from service.app import create_app

from .conftest import errors_by_field, unchanged

DOCUMENT = create_app(Settings(), None, None, None).openapi()
OPERATIONS = [(path, method) for path, methods in DOCUMENT["paths"].items() for method in methods]


@pytest.mark.parametrize(("path", "method"), OPERATIONS, ids=lambda part: part)
def test_every_operation_refuses_an_unknown_parameter(service, path, method):
    job = service.job()
    upload = service.http.post("/v1/uploads", json={"name": "a.cube", "bytes": 100}).json()["id"]
    operation = DOCUMENT["paths"][path][method]
    known = [p["name"] for p in operation.get("parameters", ()) if p["in"] == "query"]
    values = {"job_id": job, "dataset_id": service.dataset(), "tip_id": "tip-0", "upload_id": upload, "name": "asd-afm"}
    address = path.format(**values, number=0, offset=0)
    body = {}
    if "requestBody" in operation:
        (media,) = operation["requestBody"]["content"]
        body = {"files": [("files", ("a.xyz", "1\n\nH 0 0 0"))]} if "form" in media else {"content": "{}"}
        if "form" not in media:
            body["headers"] = {"Content-Type": media}
    with unchanged(service):
        answer = service.http.request(method, address, params={"unknwon": "1"}, **body)
    assert answer.status_code == 422
    assert "422" in operation["responses"]
    if method == "head":
        return
    errors = errors_by_field(answer)
    assert errors["unknwon"]["reason"] == "unknown query parameter"
    assert all(name in errors["unknwon"]["accepted"] for name in known)


@pytest.mark.parametrize(("name", "meant"), [("dtyp", "dtype"), ("encodin", "encoding"), ("Wait", "wait")])
def test_a_typing_error(service, name, meant):
    answer = service.http.get(f"/v1/jobs/{service.job()}/batches/0", params={name: "f2"})
    assert f"did you mean {meant!r}?" in errors_by_field(answer)[name]["reason"]


def test_the_preview_of_a_preflight(service):
    answer = service.http.post("/v1/preflight", params={"previw": 3}, json={"dataset": service.dataset()})
    error = errors_by_field(answer)["previw"]
    assert (error["value"], error["accepted"]) == ("3", "1 parameter: preview")
