"""Job specs that the documentation shows, by name."""

from collections.abc import Mapping
from typing import Any

from service.contract.spec import Disk, JobSpec, Randomise, Uniform

_DATASET = "ds-0123456789abcdef"

JOBS: Mapping[str, Mapping[str, Any]] = {
    "minimal": {
        "summary": "Everything by default",
        "value": {"dataset": _DATASET},
    },
    "common": {
        "summary": "The common job, all of it spelled out",
        "value": JobSpec(
            dataset=_DATASET,
            randomise=Randomise(distance=Uniform(low=-0.2, high=0.2), tilt=Disk(radius=0.3)),
        ).model_dump(mode="json"),
    },
    "two tips": {
        "summary": "Each sample imaged with CO and with Xe, distance and tilt drawn at random",
        "value": {
            "dataset": _DATASET,
            "tips": [
                {"element": 8},
                {"element": 54, "charges": [0.3], "charge_z": [0.0]},
            ],
            "randomise": {"distance": {"low": -0.25, "high": 0.25}, "tilt": {"radius": 0.5}},
            "seed": 1,
        },
    },
}
