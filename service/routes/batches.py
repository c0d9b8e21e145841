"""Batches are the npz files of a job. Each can be downloaded as soon as it is recorded."""

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from afmbatch.errors import Gone, InvalidInput, NotFound, Unavailable
from afmbatch.ledger.records import BatchRecord
from service.routes.dependencies import Batches
from service.routes.downloads import GET_RESPONSES, HEAD_RESPONSES, GetDownload, HeadDownload
from service.routes.parameters import BatchNumber, JobId, Limit, Start
from service.transport.http_errors import PreconditionFailed, RangeNotSatisfiable
from service.transport.problems import problem_responses

router = APIRouter(prefix="/v1/jobs/{job_id}/batches", tags=["batches"])


class BatchPage(BaseModel):
    """Holds recorded batches of a job."""

    total: int | None = Field(description="Number of batches the job makes; null for a stream without end.")
    start: int = Field(description="Lowest batch number that may be on this page.")
    recorded: int = Field(description="Number of batches of the whole job that can be downloaded.")
    batches: list[BatchRecord] = Field(description="The recorded batches of this page, by number.")


@router.get(
    "",
    operation_id="listBatches",
    summary="List the recorded batches",
    responses=problem_responses(NotFound, InvalidInput, Unavailable),
)
def list_batches(job_id: JobId, batches: Batches, start: Start = 0, limit: Limit = 1000) -> BatchPage:
    """List the batches with numbers `start` to `start + limit − 1` that can be downloaded, with their size and hash."""
    total, recorded, records = batches.page(job_id, start, limit)
    return BatchPage(total=total, recorded=recorded, start=start, batches=records)


@router.get(
    "/{number}",
    operation_id="downloadBatch",
    summary="Download a batch",
    response_class=Response,
    responses=GET_RESPONSES
    | problem_responses(NotFound, Gone, PreconditionFailed, RangeNotSatisfiable, InvalidInput, Unavailable),
)
async def download_batch(job_id: JobId, number: BatchNumber, batches: Batches, download: GetDownload) -> Response:
    """Send the npz file, or one range of it. A batch file never changes: its ETag is its sha256.

    With `wait`, the answer comes as soon as the batch is made. If it is not made within that time, the answer is
    404 with the problem `not-yet` and Retry-After.
    """
    file = await batches.wait_for(job_id, number, download.wait_seconds, download.until_disconnected)
    return await download.answer(file)


@router.head(
    "/{number}",
    operation_id="headBatch",
    summary="Get size and hash of a batch",
    response_class=Response,
    responses=HEAD_RESPONSES | problem_responses(NotFound, Gone, PreconditionFailed, InvalidInput, Unavailable),
)
async def head_batch(job_id: JobId, number: BatchNumber, batches: Batches, download: HeadDownload) -> Response:
    """Send the headers of a download without its body."""
    file = await batches.wait_for(job_id, number, download.wait_seconds, download.until_disconnected)
    return await download.answer(file)
