"""Presets: specs of published training sets."""

from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel

from afmbatch.errors import NotFound
from afmbatch.spec.job import JobSpec
from afmbatch.spec.presets import Preset, preset_spec, presets
from service.routes.dependencies import DATASET_PATTERN
from service.transport.problems import declared

router = APIRouter(prefix="/v1/presets", tags=["jobs"])


class Presets(BaseModel):
    """All presets."""

    presets: tuple[Preset, ...]


@router.get("", operation_id="listPresets", summary="List the presets")
def names() -> Presets:
    """What each of them is, and where it is from."""
    return Presets(presets=presets())


@router.get("/{name}", operation_id="getPreset", summary="Get a preset's spec", responses=declared(404, 422))
def read(
    name: Annotated[
        str, Path(pattern="^[a-z0-9-]+$", max_length=100, description="Name of a preset.", examples=["asd-afm"])
    ],
    dataset: Annotated[
        str | None,
        Query(
            pattern=DATASET_PATTERN,
            max_length=100,
            description="Id of a dataset: with it the answer can be posted as it is.",
            examples=["ds-0"],
        ),
    ] = None,
) -> JobSpec:
    """The complete spec, to be edited and posted. Without `dataset` in the query its `dataset` is empty.

    `curl …/v1/presets/asd-afm?dataset=ds-… | curl …/v1/jobs -H 'Content-Type: application/json' -d @-`
    """
    try:
        return preset_spec(name, dataset or "")
    except KeyError:
        known = ", ".join(preset.name for preset in presets())
        raise NotFound("preset", name, f"there are {known}") from None
