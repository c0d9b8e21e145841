"""The HTTP application has a route for each operation and a service for each feature."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import Depends, FastAPI
from fastapi_offline import FastAPIOffline
from rq import Queue

from afmbatch import __version__
from afmbatch.ledger.ledger import Ledger
from afmbatch.settings import Settings
from afmbatch.storage.object_store import ObjectStore
from service.routes import batches, datasets, events, health, jobs, preflight, presets, samples, streams, tips, uploads
from service.services.job_notifier import JobNotifier
from service.services.services import Services
from service.transport.bodies import MAX_TEXT_FIELDS
from service.transport.browser_guard import BrowserGuard
from service.transport.downloads import Downloads
from service.transport.parameters import refuse_unknown_parameters
from service.transport.problems import exception_handlers, problem_schemas

_DESCRIPTION = """
Post a job spec, get AFM training batches.

1. `POST /v1/datasets` with files of structures, or with potentials and densities on grids, makes a dataset.
   `POST /v1/tips` with the densities of a tip makes a tip.
2. `POST /v1/jobs` with `{"dataset": "ds-…"}` images it; every other field has a default. `GET /v1/presets` lists specs
   of published training sets, `POST /v1/preflight` reports what a spec would make and at what cost.
3. `GET /v1/jobs/{id}` returns the progress of a job; `GET /v1/jobs/{id}/batches/{n}` downloads a batch, for
   `numpy.load`.

Lengths are in Å, charges in e, stiffness in N/m, images in Hz. Errors are RFC 9457 problem documents that name the
field, the reason and what would be accepted.
"""
_TAGS = [
    {"name": "datasets", "description": "Structures that jobs image."},
    {"name": "tips", "description": "Densities of tips that jobs image with."},
    {"name": "uploads", "description": "Large files that are sent in parts."},
    {"name": "jobs", "description": "Specs that workers turn into batches."},
    {"name": "batches", "description": "npz files, downloadable as soon as they are made."},
    {"name": "service", "description": "Workers and health."},
]


def create_app(settings: Settings, ledger: Ledger, store: ObjectStore, queue: Queue) -> FastAPI:
    """Return the application on these connections, which the caller opens and closes."""
    app = FastAPIOffline(  # serves its documentation page itself: clusters often cannot reach a CDN
        redoc_url=None,
        title="afmbatch",
        version=__version__,
        summary="AFM training batches on demand",
        description=_DESCRIPTION,
        openapi_tags=_TAGS,
        exception_handlers=exception_handlers(),
        separate_input_output_schemas=False,
        lifespan=_lifespan,
        dependencies=[Depends(refuse_unknown_parameters)],
    )
    app.add_middleware(BrowserGuard, public_names=settings.public_names)
    notifier = JobNotifier(settings.redis_url)
    app.state.settings = settings
    app.state.notifier = notifier
    app.state.services = Services.on(settings, ledger, store, queue, notifier)
    app.state.downloads = Downloads(store, settings)
    for module in (datasets, tips):
        app.include_router(
            module.router, form_limits={"max_files": settings.max_members, "max_fields": MAX_TEXT_FIELDS}
        )
    for module in (uploads, presets, preflight, jobs, streams, events, batches, samples, health):
        app.include_router(module.router)
    # FastAPI declares models only for answers in JSON, not for those in application/problem+json.
    app.openapi()["components"]["schemas"] |= problem_schemas()
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with app.state.notifier.running():
        yield
