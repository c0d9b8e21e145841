"""The OpenAPI document is complete, and the service does what it says."""

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.config import SchemathesisConfig
from schemathesis.generation import GenerationMode

from afmbatch.grids.readers import GRID_READERS
from afmbatch.settings import Settings
from afmbatch.storage.batch_file import npz_chunks
from afmbatch.structures.readers import READERS
from service.app import create_app

from .test_formats import ARRAYS

CONFIG = SchemathesisConfig.from_dict(
    {
        "seed": 1,
        "generation": {"deterministic": True, "database": "none"},
        # A generated file has no molecule and a generated id no dataset: 422 is right for data that follows the schema.
        # The body of a preflight is that of POST /v1/jobs, whose five thousand documents are tried only once.
        "operations": [{"include-path": "/v1/preflight", "phases": {"coverage": {"enabled": False}}}],
        "checks": {"positive_data_acceptance": {"expected-statuses": ["2xx", "3xx", "404", "409", "422"]}},
    }
)
# The document is made by an application without connections; the requests go to the running service.
schema = schemathesis.openapi.from_dict(create_app(Settings(), None, None, None).openapi(), config=CONFIG)


@pytest.fixture
def made(service):
    """The ids of a dataset, of an upload, and of a job with two recorded batches."""
    job = service.job()
    for number in range(2):
        service.record(job, number, b"".join(npz_chunks(ARRAYS | {"afm": ARRAYS["afm"][:, :, :4, :4]})))
    upload = service.http.post("/v1/uploads", json={"name": "a.cube", "bytes": 100}).json()["id"]
    return {"job_id": job, "dataset_id": service.dataset(), "upload_id": upload}


@schema.parametrize()
@settings(suppress_health_check=list(HealthCheck), max_examples=10)
def test_the_service_does_what_its_document_says(case, service, made):
    if case.meta.generation.mode is GenerationMode.POSITIVE:  # no generated id exists
        case.path_parameters = {k: made.get(k, v) for k, v in (case.path_parameters or {}).items()}
        if isinstance(case.body, dict) and "dataset" in case.body:
            case.body = case.body | {"dataset": made["dataset_id"]}
    if str((case.query or {}).get("wait")) in map(str, range(61)):
        case.query["wait"] = 0  # nothing is ever made
    if case.path.endswith("/events"):
        service.ledger.jobs.cancel(made["job_id"])  # otherwise the stream never ends
    case.call_and_validate(base_url=str(service.http.base_url))


def test_the_document(service):
    document = service.http.get("/openapi.json").json()
    operations = [o for path in document["paths"].values() for o in path.values()]
    assert document["openapi"].startswith("3.1")
    assert len({o["operationId"] for o in operations}) == len(operations)
    for o in operations:
        assert o["summary"]
        assert o["tags"]
    examples = document["paths"]["/v1/jobs"]["post"]["requestBody"]["content"]["application/json"]["examples"]
    dataset = service.dataset()
    for example in examples.values():
        answer = service.http.post("/v1/jobs", json=example["value"] | {"dataset": dataset})
        assert answer.status_code == 201, answer.text


def test_the_document_names_all_formats_of_uploads(service):
    schemas = service.http.get("/openapi.json").json()["components"]["schemas"]
    fields = schemas["DatasetUpload"]["properties"]
    assert all(reader.name in fields["files"]["description"] for reader in READERS)
    for described in (fields["electrons"], schemas["TipForm"]["properties"]["electrons"]):
        assert all(reader.format in described["description"] for reader in GRID_READERS)
