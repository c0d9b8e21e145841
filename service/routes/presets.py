"""Presets are specs of published training sets."""

from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field

from afmbatch.errors import InvalidInput, NotFound
from afmbatch.spec.job import JobSpec
from afmbatch.spec.presets import Preset
from service.routes.dependencies import Presets
from service.routes.parameters import DATASET_PATTERN
from service.transport.problems import problem_responses

router = APIRouter(prefix="/v1/presets", tags=["jobs"])


class PresetList(BaseModel):
    """Holds all presets."""

    presets: tuple[Preset, ...] = Field(description="The presets by name.")


@router.get("", operation_id="listPresets", summary="List the presets", responses=problem_responses(InvalidInput))
async def list_presets(presets: Presets) -> PresetList:
    """List the presets with a summary and their source."""
    return PresetList(presets=presets.list())


@router.get(
    "/{name}",
    operation_id="getPreset",
    summary="Get a preset's spec",
    responses=problem_responses(NotFound, InvalidInput),
)
async def get_preset(
    presets: Presets,
    name: Annotated[
        str, Path(pattern="^[a-z0-9-]+$", max_length=100, description="Name of a preset.", examples=["asd-afm"])
    ],
    dataset: Annotated[
        str | None,
        Query(
            pattern=DATASET_PATTERN,
            max_length=100,
            description="Id of a dataset that is filled in, so that the answer can be posted unchanged.",
            examples=["ds-0"],
        ),
    ] = None,
) -> JobSpec:
    """Get the complete spec, to be edited and posted. Without `dataset` in the query its `dataset` is empty.

    `curl …/v1/presets/asd-afm?dataset=ds-… | curl …/v1/jobs -H 'Content-Type: application/json' -d @-`
    """
    return presets.spec(name, dataset or "")
