"""Datasets hold the structures that jobs image."""

from typing import Annotated

from fastapi import APIRouter, Form, Response, UploadFile
from pydantic import BaseModel, ConfigDict, Field

from afmbatch.errors import Conflict, InvalidInput, NotFound, TooLarge, Unavailable
from afmbatch.ledger.records import DatasetRecord, DatasetSummary
from afmbatch.structures.ingest import Upload
from service.routes.dependencies import Datasets
from service.routes.parameters import DatasetId, Limit, Page, Start
from service.transport.bodies import BodyRoute
from service.transport.http_errors import MalformedRequest, UnsupportedMediaType
from service.transport.problems import Responses, problem_responses

router = APIRouter(prefix="/v1/datasets", tags=["datasets"], route_class=BodyRoute)


class DatasetPage(Page):
    """Holds a part of the list of datasets."""

    datasets: list[DatasetSummary] = Field(description="Datasets, newest first.")


class DatasetUpload(BaseModel):
    """Holds files with structures."""

    model_config = ConfigDict(extra="forbid")

    files: Annotated[list[UploadFile], Field(min_length=1)] = Field(
        description="xyz files with columns element x y z or element x y z q (Å, e), or archives of such files."
    )


_EXISTING: Responses = {
    200: {"model": DatasetRecord, "description": "A dataset of the same structures exists already."}
}


@router.post(
    "",
    operation_id="createDataset",
    summary="Upload structures",
    status_code=201,
    responses=_EXISTING
    | problem_responses(MalformedRequest, TooLarge, UnsupportedMediaType, InvalidInput, Unavailable),
)
def create_dataset(
    upload: Annotated[DatasetUpload, Form(media_type="multipart/form-data")], datasets: Datasets, response: Response
) -> DatasetRecord:
    """Make a dataset of one or many files. Its id follows from its content: uploading it again changes nothing.

    `curl -F files=@molecules.zip http://…/v1/datasets`
    """
    record, new = datasets.add([Upload(file.filename or "", file.file) for file in upload.files])
    response.status_code = 201 if new else 200
    response.headers["Location"] = f"/v1/datasets/{record.id}"
    return record


@router.get(
    "",
    operation_id="listDatasets",
    summary="List datasets, newest first",
    responses=problem_responses(InvalidInput, Unavailable),
)
def list_datasets(datasets: Datasets, start: Start = 0, limit: Limit = 100) -> DatasetPage:
    """List all datasets, a page at a time."""
    total, records = datasets.page(start, limit)
    return DatasetPage(total=total, start=start, datasets=[record.summary for record in records])


@router.get(
    "/{dataset_id}",
    operation_id="getDataset",
    summary="Describe a dataset",
    responses=problem_responses(NotFound, InvalidInput, Unavailable),
)
def get_dataset(dataset_id: DatasetId, datasets: Datasets) -> DatasetRecord:
    """Get the number of structures, their elements, and whether they have charges and lattices."""
    return datasets.get(dataset_id)


@router.delete(
    "/{dataset_id}",
    operation_id="deleteDataset",
    summary="Delete a dataset",
    status_code=204,
    response_class=Response,
    responses=problem_responses(NotFound, Conflict, InvalidInput, Unavailable),
)
def delete_dataset(dataset_id: DatasetId, datasets: Datasets) -> None:
    """Delete a dataset. This is refused while unfinished jobs use it. Batches that were made of it stay."""
    datasets.remove(dataset_id)
