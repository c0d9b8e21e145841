"""Datasets: structures to make jobs of."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from afmbatch.ledger.records import DatasetRecord, DatasetSummary
from afmbatch.structures.ingest import Upload
from service.routes.dependencies import DatasetId, Decisions, Limit, Page, Start
from service.transport.bodies import uploads
from service.transport.problems import Responses, declared

router = APIRouter(prefix="/v1/datasets", tags=["datasets"])


class DatasetPage(Page):
    """A part of the list of datasets."""

    datasets: list[DatasetSummary]


_SAME: Responses = {200: {"model": DatasetRecord, "description": "The same structures are there already."}}
_UPLOAD = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["files"],
                    "properties": {
                        "files": {
                            "type": "array",
                            "minItems": 1,
                            "items": {"type": "string", "format": "binary"},
                            "description": "xyz files (x y z, or x y z q a line), or archives of them.",
                        }
                    },
                }
            }
        },
    }
}


@router.post(
    "",
    operation_id="createDataset",
    summary="Upload structures",
    status_code=201,
    responses=_SAME | declared(400, 413, 415, 422, 503),
    openapi_extra=_UPLOAD,
)
def create(files: Annotated[list[Upload], Depends(uploads)], decide: Decisions, response: Response) -> DatasetRecord:
    """Make a dataset of one or many files. Its id follows from its content: uploading it again changes nothing.

    `curl -F files=@molecules.zip http://…/v1/datasets`
    """
    record, new = decide.add_dataset(files)
    response.status_code = 201 if new else 200
    response.headers["Location"] = f"/v1/datasets/{record.id}"
    return record


@router.get("", operation_id="listDatasets", summary="List datasets, newest first", responses=declared(422, 503))
def page(decide: Decisions, start: Start = 0, limit: Limit = 100) -> DatasetPage:
    """All datasets, a page at a time."""
    total, items = decide.ledger.datasets.page(start, limit)
    return DatasetPage(total=total, start=start, datasets=[item.summary for item in items])


@router.get("/{dataset_id}", operation_id="getDataset", summary="Describe a dataset", responses=declared(404, 422, 503))
def read(dataset_id: DatasetId, decide: Decisions) -> DatasetRecord:
    """How many structures it has, of which elements, and whether they have charges."""
    return decide.ledger.datasets.get(dataset_id)


@router.delete(
    "/{dataset_id}",
    operation_id="deleteDataset",
    summary="Delete a dataset",
    status_code=204,
    response_class=Response,
    responses=declared(404, 409, 422, 503),
)
def delete(dataset_id: DatasetId, decide: Decisions) -> None:
    """Refused while unfinished jobs use it. Batches that were made of it stay."""
    decide.remove_dataset(dataset_id)
