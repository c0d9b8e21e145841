"""Presets are specs of published training sets."""

from afmbatch.errors import NotFound
from afmbatch.spec.job import JobSpec
from afmbatch.spec.presets import Preset, preset_spec, presets


class PresetService:
    """Finds presets by name."""

    def list(self) -> tuple[Preset, ...]:
        """Return all presets."""
        return presets()

    def spec(self, name: str, dataset: str) -> JobSpec:
        """Return the spec of a preset for a dataset. Raises NotFound."""
        try:
            return preset_spec(name, dataset)
        except KeyError:
            known = ", ".join(preset.name for preset in presets())
            raise NotFound("preset", name, f"the presets are {known}") from None
