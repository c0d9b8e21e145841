"""Tips hold the densities around a probe atom that some force fields need."""

from typing import Annotated, TypeAlias

from fastapi import APIRouter, Form, Response, UploadFile
from pydantic import BaseModel, ConfigDict, Field

from afmbatch.errors import Conflict, InvalidInput, NotFound, TooLarge, Unavailable
from afmbatch.grids.readers import accepted_formats
from afmbatch.grids.tips import TipArray
from afmbatch.ledger.records import TipRecord, TipSummary
from service.routes.dependencies import Tips, Uploads
from service.routes.parameters import Limit, Page, Start, TipId, UploadIds
from service.routes.uploaded_files import named_files
from service.transport.bodies import BodyRoute
from service.transport.http_errors import MalformedRequest, UnsupportedMediaType
from service.transport.problems import Responses, problem_responses

router = APIRouter(prefix="/v1/tips", tags=["tips"], route_class=BodyRoute)
TipFiles: TypeAlias = Annotated[list[UploadFile], Field(min_length=1)]


class TipPage(Page):
    """Holds a part of the list of tips."""

    tips: list[TipSummary] = Field(description="Tips, newest first.")


class TipForm(BaseModel):
    """Holds the densities of one tip; at least one file in any of the fields."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"minProperties": 1})

    files: TipFiles | None = Field(
        default=None,
        description="An npz file with rho, rho_delta (e/Å³) or both, lvec, xyz, Z. An electron density rho acts in "
        "Pauli repulsion, a difference rho_delta in electrostatics.",
    )
    electrons: TipFiles | None = Field(
        default=None,
        description=f"A file with the electron density (e/Å³, in cube files e/bohr³): {accepted_formats()}.",
    )
    delta_electrons: TipFiles | None = Field(
        default=None,
        description="A file with the difference between the electron density and that of free atoms: excess electrons "
        "are positive (e/Å³, in cube files e/bohr³).",
    )
    charge: TipFiles | None = Field(
        default=None,
        description="In place of delta_electrons, a file with the charge density, nuclei included: positive charge is "
        "positive (e/Å³, in cube files e/bohr³).",
    )
    probe: Annotated[str, Field(min_length=1, max_length=20)] | None = Field(
        default=None,
        description="The probe atom: its number in the file, from 1, or the symbol of an element that only one atom "
        "has. By default it is the atom at grid point (0, 0, 0), or else the lowest atom.",
        examples=["O"],
    )

    uploads: UploadIds | None = Field(
        default=None, description="Ids of complete uploads under /v1/uploads, in place of files in the other fields."
    )


_EXISTING: Responses = {200: {"model": TipRecord, "description": "A tip of the same densities exists already."}}


@router.post(
    "",
    operation_id="createTip",
    summary="Upload the densities of a tip",
    status_code=201,
    responses=_EXISTING
    | problem_responses(MalformedRequest, TooLarge, UnsupportedMediaType, InvalidInput, Unavailable),
)
def create_tip(
    upload: Annotated[TipForm, Form(media_type="multipart/form-data")],
    tips: Tips,
    uploads: Uploads,
    response: Response,
) -> TipRecord:
    """Make a tip. Its id follows from its content: uploading it again changes nothing.

    `curl -F electrons=@CO_density.cube -F delta_electrons=@CO_delta.xsf -F probe=O http://…/v1/tips`

    The axes of the files are those of images: the sample is at negative z of the probe atom. The densities are zero
    beyond half of the box. Units, signs, cell and atoms are checked; `findings` of the answer says what was concluded,
    among it which atom is the probe.
    """
    with uploads.opened(upload.uploads or []) as complete:
        record, new = tips.add(named_files(upload, TipArray, complete), upload.probe)
    response.status_code = 201 if new else 200
    response.headers["Location"] = f"/v1/tips/{record.id}"
    return record


@router.get(
    "",
    operation_id="listTips",
    summary="List tips, newest first",
    responses=problem_responses(InvalidInput, Unavailable),
)
def list_tips(tips: Tips, start: Start = 0, limit: Limit = 100) -> TipPage:
    """List all tips, a page at a time."""
    total, records = tips.page(start, limit)
    return TipPage(total=total, start=start, tips=[record.summary for record in records])


@router.get(
    "/{tip_id}",
    operation_id="getTip",
    summary="Describe a tip",
    responses=problem_responses(NotFound, InvalidInput, Unavailable),
)
def get_tip(tip_id: TipId, tips: Tips) -> TipRecord:
    """Get the probe atom and the densities of a tip, and what was concluded about its files."""
    return tips.get(tip_id)


@router.delete(
    "/{tip_id}",
    operation_id="deleteTip",
    summary="Delete a tip",
    status_code=204,
    response_class=Response,
    responses=problem_responses(NotFound, Conflict, InvalidInput, Unavailable),
)
def delete_tip(tip_id: TipId, tips: Tips) -> None:
    """Delete a tip. This is refused while unfinished jobs use it. Batches that were made with it stay."""
    tips.remove(tip_id)
