"""Large files are sent in parts, which can be resumed."""

from typing import Annotated

from fastapi import APIRouter, Body, Path, Response

from afmbatch.errors import Conflict, InvalidInput, NotFound, TooLarge, Unavailable
from afmbatch.ledger.records import NewUpload, UploadRecord
from afmbatch.spec.model import MAX_INT
from service.routes.dependencies import Uploads
from service.routes.parameters import UploadId
from service.transport.bodies import MAX_PART_BYTES, OCTETS, BodyRoute, strict_json
from service.transport.http_errors import MalformedRequest, UnsupportedMediaType
from service.transport.problems import problem_responses

router = APIRouter(prefix="/v1/uploads", tags=["uploads"], route_class=BodyRoute)


@router.post(
    "",
    operation_id="createUpload",
    summary="Announce a file that is sent in parts",
    status_code=201,
    responses=problem_responses(MalformedRequest, TooLarge, UnsupportedMediaType, InvalidInput, Unavailable),
)
def create_upload(
    upload: Annotated[NewUpload, strict_json(NewUpload)], uploads: Uploads, response: Response
) -> UploadRecord:
    """Announce a file. Send its parts with PUT, then name its id in the field `uploads` of POST /v1/datasets or tips.

    The file is kept for 24 hours after its last part.
    """
    record = uploads.create(upload)
    response.headers["Location"] = f"/v1/uploads/{record.id}"
    return record


@router.get(
    "/{upload_id}",
    operation_id="getUpload",
    summary="Describe an upload",
    responses=problem_responses(NotFound, InvalidInput, Unavailable),
)
def get_upload(upload_id: UploadId, uploads: Uploads) -> UploadRecord:
    """Get how many bytes were received: an interrupted upload continues there."""
    return uploads.get(upload_id)


@router.put(
    "/{upload_id}/{offset}",
    operation_id="putUploadPart",
    summary="Send a part of a file",
    responses=problem_responses(
        MalformedRequest, NotFound, Conflict, TooLarge, UnsupportedMediaType, InvalidInput, Unavailable
    ),
)
def put_upload_part(
    upload_id: UploadId,
    offset: Annotated[int, Path(ge=0, le=MAX_INT, description="Position of the part in the file, in bytes.")],
    part: Annotated[
        bytes,
        Body(media_type=OCTETS, min_length=1, description=f"The part: at most {MAX_PART_BYTES} bytes."),
    ],
    uploads: Uploads,
) -> UploadRecord:
    """Send the next part, which begins where the parts before it end. Sending the same part again changes nothing.

    A part of which not all bytes arrive is not kept.
    """
    return uploads.add_part(upload_id, offset, part)


@router.delete(
    "/{upload_id}",
    operation_id="deleteUpload",
    summary="Delete an upload",
    status_code=204,
    response_class=Response,
    responses=problem_responses(NotFound, InvalidInput, Unavailable),
)
def delete_upload(upload_id: UploadId, uploads: Uploads) -> None:
    """Delete an upload with its parts. Datasets and tips that were made of it stay."""
    uploads.remove(upload_id)
