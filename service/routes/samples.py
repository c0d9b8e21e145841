"""Any sample of a job can be downloaded by its number. It is the same as in its batch."""

from fastapi import APIRouter, Response

from afmbatch.errors import Conflict, Gone, InvalidInput, NotFound, Unavailable
from service.routes.dependencies import Samples
from service.routes.downloads import GET_RESPONSES, HEAD_RESPONSES, GetDownload, HeadDownload
from service.routes.parameters import JobId, SampleNumber
from service.transport.http_errors import PreconditionFailed, RangeNotSatisfiable
from service.transport.problems import problem_responses

router = APIRouter(prefix="/v1/jobs/{job_id}/samples", tags=["batches"])


@router.get(
    "/{number}",
    operation_id="downloadSample",
    summary="Download one sample",
    response_class=Response,
    responses=GET_RESPONSES
    | problem_responses(NotFound, Conflict, Gone, PreconditionFailed, RangeNotSatisfiable, InvalidInput, Unavailable),
)
async def download_sample(job_id: JobId, number: SampleNumber, samples: Samples, download: GetDownload) -> Response:
    """Send a batch of this sample alone, which is made before all other work when it is first requested.

    The answer waits for `wait` seconds until it is made, and then is 404 with the problem `not-yet` and Retry-After.
    Samples beyond the spec's `samples` can be downloaded as well.
    """
    file = await samples.wait_for(job_id, number, download.wait_seconds, download.until_disconnected)
    return await download.answer(file)


@router.head(
    "/{number}",
    operation_id="headSample",
    summary="Get size and hash of one sample",
    response_class=Response,
    responses=HEAD_RESPONSES
    | problem_responses(NotFound, Conflict, Gone, PreconditionFailed, InvalidInput, Unavailable),
)
async def head_sample(job_id: JobId, number: SampleNumber, samples: Samples, download: HeadDownload) -> Response:
    """Send the headers of a download without its body. Has the sample made as a download does."""
    file = await samples.wait_for(job_id, number, download.wait_seconds, download.until_disconnected)
    return await download.answer(file)
