"""Datasets are uploaded, listed and deleted over HTTP; uploads that exceed a limit are refused."""

import gzip
import http.client
import io
import tarfile

import pytest

from .conftest import BARE_WATER, WATER, errors_by_field, problem, unchanged


def test_an_upload_makes_a_dataset_whose_id_follows_from_its_content(service):
    first = service.http.post("/v1/datasets", files=[("files", ("water.xyz", WATER))])
    assert first.status_code == 201
    record = first.json()
    assert record | {"id": "", "created_at": 0} == {
        "id": "",
        "structures": 1,
        "atoms": 3,
        "elements": ["H", "O"],
        "kinds": [
            {
                "elements": [1, 8],
                "charged": True,
                "lattice": False,
                "potential": False,
                "density": False,
                "structures": 1,
                "examples": ["water.xyz"],
            }
        ],
        "created_at": 0,
        "largest_grid": None,
        "spline_coefficients": 0,
        "findings": [],
        "unlisted_findings": 0,
    }
    assert service.http.get(first.headers["location"]).json() == record
    with unchanged(service):
        again = service.http.post("/v1/datasets", files=[("files", ("water.xyz", WATER))])
    assert again.status_code == 200
    assert again.json() == record
    assert again.headers["location"] == first.headers["location"]


def test_many_files_in_one_upload(service):
    files = [("files", (f"{n}.xyz", WATER.replace("0.96", f"0.9{n}"))) for n in range(1, 6)]
    assert service.http.post("/v1/datasets", files=files).json()["structures"] == 5


@pytest.mark.parametrize("structures", [1, 20_000])  # uploads of more than a megabyte are kept in a file
def test_a_compressed_upload(service, structures):
    packed = gzip.compress(tarred("water.xyz", WATER * structures), compresslevel=0)
    answer = service.http.post("/v1/datasets", files=[("files", ("molecules.tar.gz", packed))])
    assert answer.status_code == 201, answer.text
    assert answer.json()["structures"] == structures


def tarred(name, text):
    f = io.BytesIO()
    with tarfile.open(fileobj=f, mode="w") as tar:
        member = tarfile.TarInfo(name)
        member.size = len(text)
        tar.addfile(member, io.BytesIO(text.encode()))
    return f.getvalue()


def test_datasets_are_listed_in_pages(service):
    ids = {service.dataset(WATER.replace("0.96", f"0.9{n}")) for n in range(1, 4)}
    pages = [service.http.get("/v1/datasets", params={"start": n, "limit": 2}).json() for n in (0, 2)]
    assert [len(p["datasets"]) for p in pages] == [2, 1]
    assert {d["id"] for p in pages for d in p["datasets"]} == ids
    assert {p["total"] for p in pages} == {3}
    assert not any("kinds" in d for p in pages for d in p["datasets"])


def test_a_dataset_in_use_is_not_deleted(service):
    job = service.job()
    dataset = service.http.get(f"/v1/jobs/{job}").json()["spec"]["dataset"]
    with unchanged(service):
        refused = service.http.delete(f"/v1/datasets/{dataset}")
    assert refused.status_code == 409
    assert job in problem(refused)["detail"]
    service.http.post(f"/v1/jobs/{job}/cancel")
    assert service.http.delete(f"/v1/datasets/{dataset}").status_code == 204
    assert service.http.get(f"/v1/datasets/{dataset}").status_code == 404
    assert service.store.keys("datasets/") == []


def test_an_upload_repairs_a_dataset_whose_file_was_lost(service):
    dataset = service.dataset()
    kept = service.everything()
    service.store.delete(f"datasets/{dataset}.npz")
    assert service.dataset() == dataset
    assert service.everything() == kept


@pytest.mark.parametrize("dataset", ["ds-0", "ds-" + "f" * 60])
def test_a_dataset_that_does_not_exist(service, dataset):
    assert service.http.get(f"/v1/datasets/{dataset}").status_code == 404
    assert service.http.delete(f"/v1/datasets/{dataset}").status_code == 404


@pytest.mark.parametrize("dataset", ["x", "job-0", "ds-%3Adone", "ds-%FF", "ds-0%0A"])
def test_an_invalid_id(service, dataset):
    answer = service.http.get(f"/v1/datasets/{dataset}")
    assert answer.status_code == 422
    assert errors_by_field(answer)["dataset_id"]["accepted"]


def test_a_form_without_files(service):
    boundary = {"content-type": "multipart/form-data; boundary=b"}
    with unchanged(service):
        for sent in (
            {"files": [("file", ("water.xyz", WATER))]},
            {"files": [("files", ("water.xyz", WATER)), ("note", (None, "hello"))]},
            {"files": [("files", (None, WATER))]},
            {"content": b"--b--\r\n", "headers": boundary},
        ):
            answer = service.http.post("/v1/datasets", **sent)
            assert answer.status_code == 422, sent
            assert errors_by_field(answer)


@pytest.mark.parametrize(
    ("content", "content_type"),
    [
        (b"", "multipart/form-data"),
        (b"nonsense", "multipart/form-data; boundary=b"),
        (b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--\r\n", "multipart/form-data; boundary=b"),
        (b"--b\r\n" + b"x" * 5000, "multipart/form-data; boundary=b"),
    ],
)
def test_a_body_that_is_not_a_form(service, content, content_type):
    with unchanged(service):
        answer = service.http.post("/v1/datasets", content=content, headers={"content-type": content_type})
    assert answer.status_code == 400
    problem(answer)


def test_a_body_of_another_type(service):
    answer = service.http.post("/v1/datasets", content=WATER, headers={"content-type": "chemical/x-xyz"})
    assert answer.status_code == 415
    assert "multipart/form-data" in problem(answer)["detail"]


def test_an_upload_over_the_limit(limited):
    with unchanged(limited):
        answer = limited.http.post("/v1/datasets", files=[("files", ("water.xyz", WATER + " " * 20_000))])
    assert answer.status_code == 413
    assert errors_by_field(answer)["body"]["accepted"] == "at most 20000 bytes"


def test_an_upload_over_the_limit_of_unknown_length(limited):
    def body():
        yield b'--b\r\nContent-Disposition: form-data; name="files"; filename="a.xyz"\r\n\r\n' + WATER.encode()
        for _ in range(100):
            yield b" " * 1000
        yield b"\r\n--b--\r\n"

    with unchanged(limited):
        answer = limited.http.post(
            "/v1/datasets", content=body(), headers={"content-type": "multipart/form-data; boundary=b"}
        )
    assert answer.status_code == 413


def test_a_client_that_asks_first_is_answered_before_it_sends(limited):
    host, port = limited.http.base_url.host, limited.http.base_url.port
    connection = http.client.HTTPConnection(host, port, timeout=20)
    connection.putrequest("POST", "/v1/datasets")
    connection.putheader("Content-Type", "multipart/form-data; boundary=b")
    connection.putheader("Content-Length", str(10**15))
    connection.putheader("Expect", "100-continue")
    connection.endheaders()
    assert connection.getresponse().status == 413
    connection.close()


def test_more_files_than_allowed(limited):
    files = [("files", (f"{n}.xyz", WATER)) for n in range(11)]
    with unchanged(limited):
        assert limited.http.post("/v1/datasets", files=files).status_code in (400, 413)


def test_structures_are_counted_by_kind(service):
    oxygen = "1\noxygen\nO 0.0 0.0 0.0\n"
    answer = service.http.post(
        "/v1/datasets", files=[("files", ("some.xyz", BARE_WATER + WATER + oxygen + BARE_WATER * 4))]
    )
    alike = {"lattice": False, "potential": False, "density": False}
    assert answer.json()["kinds"] == [
        alike
        | {
            "elements": [1, 8],
            "charged": False,
            "structures": 5,
            "examples": ["some.xyz#1", "some.xyz#4", "some.xyz#5"],
        },
        alike | {"elements": [1, 8], "charged": True, "structures": 1, "examples": ["some.xyz#2"]},
        alike | {"elements": [8], "charged": False, "structures": 1, "examples": ["some.xyz#3"]},
    ]
