"""The documentation shows these request bodies by name."""

from collections.abc import Mapping
from typing import Any

from afmbatch.spec.distributions import Disk, Uniform
from afmbatch.spec.job import JobSpec
from afmbatch.spec.randomise import Randomise

_DATASET = "ds-0123456789abcdef"

JOBS: Mapping[str, Mapping[str, Any]] = {
    "minimal": {
        "summary": "The common job: every field has its default",
        "value": {"dataset": _DATASET},
    },
    "common": {
        "summary": "The common job with all fields, distance and tilt sampled at random",
        "value": JobSpec(
            dataset=_DATASET,
            randomise=Randomise(
                distance=Uniform(kind="uniform", low=-0.2, high=0.2), tilt=Disk(kind="disk", radius=0.3)
            ),
        ).model_dump(mode="json"),
    },
    "two tips": {
        "summary": "Each sample imaged with CO and with Xe, distance and tilt sampled at random for each tip",
        "value": {
            "dataset": _DATASET,
            "tips": [
                {"element": 8},
                {"element": 54, "charges": [0.3], "charge_z": [0.0]},
            ],
            "randomise": {
                "distance": {"kind": "uniform", "low": -0.25, "high": 0.25, "scope": "tip"},
                "tilt": {"kind": "disk", "radius": 0.5, "scope": "tip"},
            },
            "seed": 1,
        },
    },
    "a sweep": {
        "summary": "Each sample with every combination of two stiffnesses and three oscillation amplitudes",
        "value": {
            "dataset": _DATASET,
            "sweep": {"lateral_stiffness": [0.25, 0.5], "df_steps": [6, 8, 10]},
        },
    },
}

EXTENSIONS: Mapping[str, Mapping[str, Any]] = {
    "epochs": {"summary": "Two further passes", "value": {"kind": "epochs", "epochs": 2}},
    "molecules": {"summary": "Another dataset", "value": {"kind": "molecules", "dataset": _DATASET}},
}

ACKNOWLEDGEMENTS: Mapping[str, Mapping[str, Any]] = {
    "two batches": {"summary": "The first two batches", "value": {"batches": [0, 1]}}
}
REWINDINGS: Mapping[str, Mapping[str, Any]] = {"all": {"summary": "Everything again", "value": {"batch": 0}}}
