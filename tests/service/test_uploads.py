"""Files in parts over HTTP: sent, resumed, made into datasets and tips, and removed."""

from pathlib import Path

import pytest

from afmbatch.ledger import keys
from service.transport.bodies import MAX_PART_BYTES

from .conftest import WATER, errors_by_field, problem, unchanged

DATA = Path(__file__).parents[1] / "data" / "fdbm"
DENSITY = "hcooh_valence_density.cube.xz"


def created(service, **fields):
    answer = service.http.post("/v1/uploads", json={"name": "water.xyz", "bytes": len(WATER)} | fields)
    assert answer.status_code == 201, answer.text
    assert service.http.get(answer.headers["location"]).json() == answer.json()
    return answer.json()["id"]


def put(service, upload, offset, data, media_type="application/octet-stream"):
    return service.http.put(f"/v1/uploads/{upload}/{offset}", content=data, headers={"Content-Type": media_type})


def sent(service, name, data, part_bytes, **fields):
    """Upload a file in parts and return its id."""
    upload = created(service, name=name, bytes=len(data), **fields)
    for offset in range(0, len(data), part_bytes):
        answer = put(service, upload, offset, data[offset : offset + part_bytes])
        assert answer.json()["received"] == min(offset + part_bytes, len(data))
    return upload


@pytest.mark.parametrize("part_bytes", [7, 30, 1000])
def test_a_file_in_parts_makes_the_same_dataset(service, part_bytes):
    upload = sent(service, "water.xyz", WATER.encode(), part_bytes)
    made = service.http.post("/v1/datasets", files=[("uploads", (None, upload))])
    assert made.status_code == 201, made.text
    assert made.json()["id"] == service.dataset()
    assert service.http.delete(f"/v1/uploads/{upload}").status_code == 204
    assert service.store.keys("uploads") == []
    assert service.http.get(f"/v1/uploads/{upload}").status_code == 404


def test_grids_and_tips_in_parts(service):
    data = (DATA / DENSITY).read_bytes()
    upload = sent(service, DENSITY, data, 50_000, field="electrons")
    made = service.http.post("/v1/datasets", files=[("uploads", (None, upload))]).json()
    whole = service.http.post("/v1/datasets", files=[("electrons", (DENSITY, data))]).json()
    assert made == whole
    tip = (DATA / "CO_tip_density.cube.xz").read_bytes()
    upload = sent(service, "tip.cube", tip, 10_000, field="electrons")
    made = service.http.post("/v1/tips", files=[("uploads", (None, upload)), ("probe", (None, "O"))])
    assert made.status_code == 201, made.text
    assert made.json()["density"]


def test_an_interrupted_upload_is_resumed(service):
    data = WATER.encode()
    upload = created(service)
    assert put(service, upload, 0, data[:20]).status_code == 200
    with unchanged(service):
        assert put(service, upload, 0, data[:20]).json()["received"] == 20  # its answer was lost
        for offset, part in ((0, data[:21]), (0, b"x" * 20), (10, data[10:20]), (21, data[21:])):
            refused = put(service, upload, offset, part)
            assert refused.status_code == 409
            assert problem(refused)["detail"] == f"Upload {upload} has 20 bytes: send the part that begins there."
    received = service.http.get(f"/v1/uploads/{upload}").json()["received"]
    refused = put(service, upload, received, data[20:] + b"?")
    assert refused.status_code == 409
    assert "was announced with" in problem(refused)["detail"]
    errors = errors_by_field(service.http.post("/v1/datasets", files=[("uploads", (None, upload))]))
    assert errors["uploads"]["reason"] == f"20 of {len(data)} bytes were received"
    assert put(service, upload, received, data[received:]).json()["received"] == len(data)
    assert service.http.post("/v1/datasets", files=[("uploads", (None, upload))]).status_code == 201


def test_what_is_refused(service):
    upload = created(service)
    assert put(service, upload, 0, b"").status_code == 400
    assert put(service, upload, 0, b"{}", "application/json").status_code == 415
    assert put(service, upload, 0, bytes(MAX_PART_BYTES + 1)).status_code == 413
    assert put(service, "upload-0123456789abcdef", 0, b"?").status_code == 404
    unknown = service.http.post("/v1/datasets", files=[("uploads", (None, "upload-0123456789abcdef"))])
    assert "does not exist" in errors_by_field(unknown)["uploads"]["reason"]
    delta = sent(service, "d.cube", b"density", 100, field="delta_electrons")
    refused = service.http.post("/v1/datasets", files=[("uploads", (None, delta))])
    assert errors_by_field(refused)["uploads"]["reason"] == "d.cube was uploaded for another field"
    too_large = service.http.post("/v1/uploads", json={"name": "a.cube", "bytes": (8 << 30) + 1})
    assert errors_by_field(too_large)["bytes"]["accepted"] == "an integer from 1 to 8589934592"


def test_the_parts_of_an_expired_upload_are_removed(service):
    expired, kept = (sent(service, "water.xyz", WATER.encode(), 20) for _ in range(2))
    assert 0 < service.redis.ttl(keys.upload(expired)) <= 24 * 3600
    service.redis.delete(keys.upload(expired))
    created(service)
    assert {key.split("/")[1] for key in service.store.keys("uploads")} == {kept}
