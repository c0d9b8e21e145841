"""The service itself: its workers, and whether it is well."""

from typing import Literal

from fastapi import APIRouter
from fastapi.responses import RedirectResponse
from pydantic import BaseModel, Field

from afmbatch.ledger.records import WorkerRecord
from service.routes.dependencies import Decisions
from service.transport.problems import declared

router = APIRouter(tags=["service"])


class Workers(BaseModel):
    """The live workers."""

    workers: list[WorkerRecord]


class Health(BaseModel):
    """This process answers."""

    status: Literal["ok"] = "ok"


class Ready(BaseModel):
    """Redis and the store answer."""

    workers: int = Field(description="Live workers.")
    detail: str = Field(description="What that means for a job that is posted now.")


@router.get("/", include_in_schema=False)
def root() -> RedirectResponse:
    """To the documentation."""
    return RedirectResponse("/docs")


@router.get("/v1/workers", operation_id="listWorkers", summary="List the live workers", responses=declared(503))
def workers(decide: Decisions) -> Workers:
    """Each with its device and what it is working on."""
    return Workers(workers=decide.ledger.workers.live())


@router.get("/v1/health", operation_id="getHealth", summary="Whether the process is alive")
async def health() -> Health:
    """Asks nothing else: restart the process if this fails."""
    return Health()


@router.get("/v1/ready", operation_id="getReady", summary="Whether requests can be served", responses=declared(503))
def ready(decide: Decisions) -> Ready:
    """Whether Redis and the store answer, and how many workers live. Without a worker jobs are accepted and wait."""
    n = decide.ready()
    return Ready(
        workers=n, detail="jobs are being worked on" if n else "no worker is running: jobs are queued and wait"
    )
