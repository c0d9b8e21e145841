"""Batches: the npz files of a job, each downloadable as soon as it is recorded."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, Field

from afmbatch.ledger.records import BatchRecord
from service.routes import download_docs as files
from service.routes.dependencies import Asked, BatchNumber, Decisions, JobId, Limit, Ringing, Start, Wait
from service.transport.downloads import BatchFile, download
from service.transport.job_notifier import awaited
from service.transport.problems import declared

router = APIRouter(prefix="/v1/jobs/{job_id}/batches", tags=["batches"])


class BatchPage(BaseModel):
    """The recorded batches with numbers from `start` on."""

    total: int | None = Field(description="Batches the job makes; null: a stream without end.")
    start: int = Field(description="Where this page starts.")
    recorded: int = Field(description="Batches of the whole job that can be downloaded.")
    batches: list[BatchRecord]


@router.get("", operation_id="listBatches", summary="List the recorded batches", responses=declared(404, 422, 503))
def page(job_id: JobId, decide: Decisions, start: Start = 0, limit: Limit = 1000) -> BatchPage:
    """Those among numbers `start` … `start + limit − 1` that can be downloaded, with size and hash."""
    total, recorded, items = decide.batches(job_id, start, limit)
    return BatchPage(total=total, recorded=recorded, start=start, batches=items)


async def _file(
    request: Request, job_id: JobId, number: BatchNumber, decide: Decisions, bell: Ringing, wait: Wait = 0
) -> BatchFile:
    return await awaited(request, bell, lambda: decide.batch(job_id, number), wait)


Recorded = Annotated[BatchFile, Depends(_file)]


@router.get(
    "/{number}",
    operation_id="downloadBatch",
    summary="Download a batch",
    response_class=Response,
    responses=files.GET | declared(404, 410, 412, 416, 422, 503),
)
async def get(
    request: Request,
    file: Recorded,
    form: Asked,
    decide: Decisions,
    byte_range: files.ByteRange = None,
    if_range: files.IfRange = None,
    if_none_match: files.IfNoneMatch = None,
) -> Response:
    """The npz file, whole or one range of it. A batch file never changes: its ETag is its sha256.

    With `wait` the answer comes when the batch is made, or 404 not-yet after that time.
    """
    return await download(request, decide.store, file, form, decide.settings)


@router.head(
    "/{number}",
    operation_id="headBatch",
    summary="Size and hash of a batch",
    response_class=Response,
    responses=files.HEAD | declared(404, 410, 412, 422, 503),
)
async def head(request: Request, file: Recorded, form: Asked, decide: Decisions) -> Response:
    """The headers of a download without its body."""
    return await download(request, decide.store, file, form, decide.settings)
