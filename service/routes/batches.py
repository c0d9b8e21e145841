"""Batches: the npz files of a job, each downloadable as soon as it is recorded."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Request, Response
from pydantic import Field

from service.contract.batch import MEDIA_TYPE
from service.contract.status import BatchRecord
from service.downloads import download
from service.problems import Responses, declared
from service.routes.parts import BatchNumber, Decisions, JobId, Limit, Page, Start

router = APIRouter(prefix="/v1/jobs/{job_id}/batches", tags=["batches"])


class BatchPage(Page):
    """The recorded batches with numbers from `start` on."""

    total: int = Field(description="Batches the job makes.")
    recorded: int = Field(description="Batches of the whole job that can be downloaded.")
    batches: list[BatchRecord]


@router.get("", operation_id="listBatches", summary="List the recorded batches", responses=declared(404, 422, 503))
def page(job_id: JobId, decide: Decisions, start: Start = 0, limit: Limit = 1000) -> BatchPage:
    """Those among numbers `start` … `start + limit − 1` that can be downloaded, with size and hash."""
    total, recorded, items = decide.batches(job_id, start, limit)
    return BatchPage(total=total, recorded=recorded, start=start, batches=items)


def _record(job_id: JobId, number: BatchNumber, decide: Decisions) -> BatchRecord:
    return decide.batch(job_id, number)


Recorded = Annotated[BatchRecord, Depends(_record)]
_FILE: dict[str, Any] = {"schema": {"type": "string", "format": "binary"}}
_HEADERS = {
    "ETag": {"description": "The file's sha256 in quotes.", "schema": {"type": "string"}},
    "Accept-Ranges": {"description": "Always `bytes`.", "schema": {"type": "string"}},
}
_RANGE = {"Content-Range": {"description": "Which bytes of how many.", "schema": {"type": "string"}}}
_UNCHANGED: Responses = {
    304: {"description": "The file with the ETag in If-None-Match is the current one.", "headers": _HEADERS}
}
_WHOLE: Responses = {200: {"description": "The npz file.", "content": {MEDIA_TYPE: _FILE}, "headers": _HEADERS}}
_PART: Responses = {206: {"description": "A part of it.", "content": {MEDIA_TYPE: _FILE}, "headers": _HEADERS | _RANGE}}


@router.get(
    "/{number}",
    operation_id="downloadBatch",
    summary="Download a batch",
    response_class=Response,
    responses=_WHOLE | _PART | _UNCHANGED | declared(404, 410, 412, 416, 422, 503),
)
async def get(
    request: Request,
    job_id: JobId,
    record: Recorded,
    decide: Decisions,
    byte_range: Annotated[
        str | None, Header(alias="Range", description="One range of bytes, to resume a download.")
    ] = None,
    if_range: Annotated[str | None, Header(alias="If-Range", description="The ETag of what was begun.")] = None,
    if_none_match: Annotated[
        str | None, Header(alias="If-None-Match", description="The ETag of what is there already.")
    ] = None,
) -> Response:
    """The npz file, whole or one range of it. A batch file never changes: its ETag is its sha256."""
    return await download(request, decide.store, job_id, record)


@router.head(
    "/{number}",
    operation_id="headBatch",
    summary="Size and hash of a batch",
    response_class=Response,
    responses={200: {"description": "The npz file's headers.", "headers": _HEADERS}}
    | _UNCHANGED
    | declared(404, 410, 412, 422, 503),
)
async def head(request: Request, job_id: JobId, record: Recorded, decide: Decisions) -> Response:
    """The headers of a download without its body."""
    return await download(request, decide.store, job_id, record)
