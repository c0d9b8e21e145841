"""Datasets hold the structures that jobs image."""

from typing import Annotated, TypeAlias

from fastapi import APIRouter, Form, Response, UploadFile
from pydantic import BaseModel, ConfigDict, Field

from afmbatch.errors import Conflict, InvalidInput, NotFound, TooLarge, Unavailable
from afmbatch.grids.grid import Quantity
from afmbatch.grids.readers import accepted_formats
from afmbatch.ledger.records import DatasetRecord, DatasetSummary
from afmbatch.structures.archives import accepted_uploads
from service.routes.dependencies import Datasets, Uploads
from service.routes.parameters import DatasetId, Limit, Page, Start, UploadIds
from service.routes.uploaded_files import named_files
from service.transport.bodies import BodyRoute
from service.transport.http_errors import MalformedRequest, UnsupportedMediaType
from service.transport.problems import Responses, problem_responses

GridFiles: TypeAlias = Annotated[list[UploadFile], Field(min_length=1)]

router = APIRouter(prefix="/v1/datasets", tags=["datasets"], route_class=BodyRoute)


class DatasetPage(Page):
    """Holds a part of the list of datasets."""

    datasets: list[DatasetSummary] = Field(description="Datasets, newest first.")


class DatasetUpload(BaseModel):
    """Holds files with structures, with or without grids; at least one file in any of the fields."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"minProperties": 1})

    files: Annotated[list[UploadFile], Field(min_length=1)] | None = Field(
        default=None,
        description=f"Structures, in Å and e: {accepted_uploads()}. Or npz files with rho (e/Å³), pot (V) or both, "
        "lvec, xyz, Z.",
    )
    electrons: GridFiles | None = Field(
        default=None, description=f"Electron densities (e/Å³, in cube files e/bohr³): {accepted_formats()}."
    )
    charge: GridFiles | None = Field(
        default=None,
        description="Charge densities, negative where there are electrons (e/Å³, in cube files e/bohr³), in the same "
        "formats.",
    )
    potential: GridFiles | None = Field(
        default=None,
        description="Electrostatic potentials, positive at nuclei (V, in cube files Hartree/e), in the same formats.",
    )
    electron_energy: GridFiles | None = Field(
        default=None,
        description="Potential energies of an electron, negative at nuclei, as in VASP's LOCPOT (eV, in cube files "
        "Hartree), in the same formats.",
    )

    uploads: UploadIds | None = Field(
        default=None, description="Ids of complete uploads under /v1/uploads, in place of files in the other fields."
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
    upload: Annotated[DatasetUpload, Form(media_type="multipart/form-data")],
    datasets: Datasets,
    uploads: Uploads,
    response: Response,
) -> DatasetRecord:
    """Make a dataset of one or many files. Its id follows from its content: uploading it again changes nothing.

    `curl -F files=@molecules.zip http://…/v1/datasets`

    Volumetric files come in the field that is named after the quantity they hold, many of them in archives. A potential
    and a density of the same structure have files of the same name, apart from their suffix, or come in the same order.
    Units, signs, cells and atoms are checked; `findings` of the answer says what was concluded.

    `curl -F electrons=@water.cube -F electron_energy=@water.xsf http://…/v1/datasets`
    """
    with uploads.opened(upload.uploads or []) as complete:
        record, new = datasets.add(named_files(upload, Quantity, complete))
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
