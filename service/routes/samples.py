"""Samples: any one of a job by its number, simulated alone and the same as in its batch."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from service.routes import download_docs as files
from service.routes.dependencies import Asked, Decisions, JobId, Ringing, SampleNumber, Wait
from service.transport.downloads import BatchFile, download
from service.transport.job_notifier import awaited
from service.transport.problems import declared

router = APIRouter(prefix="/v1/jobs/{job_id}/samples", tags=["batches"])


async def _file(
    request: Request, job_id: JobId, number: SampleNumber, decide: Decisions, bell: Ringing, wait: Wait = 0
) -> BatchFile:
    return await awaited(request, bell, lambda: decide.sample(job_id, number), wait)


Recorded = Annotated[BatchFile, Depends(_file)]


@router.get(
    "/{number}",
    operation_id="downloadSample",
    summary="Download one sample",
    response_class=Response,
    responses=files.GET | declared(404, 409, 410, 412, 416, 422, 503),
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
    """A batch of this sample alone, which comes before all other work when it is first asked for.

    Until it is made the answer waits for `wait` seconds, and then is 404 not-yet with Retry-After.
    Samples beyond the spec's `samples` can be had as well.
    """
    return await download(request, decide.store, file, form, decide.settings)


@router.head(
    "/{number}",
    operation_id="headSample",
    summary="Size and hash of one sample",
    response_class=Response,
    responses=files.HEAD | declared(404, 409, 410, 412, 422, 503),
)
async def head(request: Request, file: Recorded, form: Asked, decide: Decisions) -> Response:
    """The headers of a download without its body; asks for the sample as a download does."""
    return await download(request, decide.store, file, form, decide.settings)
