"""NoiseChain applies noise steps to images in the order given, in as few passes as possible."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import pyopencl as cl

from kernels.force_fields.base import Arrays
from kernels.imaging.images import Images
from kernels.noise.base import SLICE, Buffers, ImageBlock, NoiseStep, PointStep, SliceStep, Statistics

STATISTICS_TILE = (32, 8)  # work-items, along y and x, that compute the statistics of a slice on a GPU
EXTENT_VALUES = 3  # the members of extent_t in statistics.cl: sum, lowest, highest


@dataclass(frozen=True)
class _StatisticsPass:
    """A pass that computes the statistics of all slices."""

    statistics: Statistics


@dataclass(frozen=True)
class _StepsPass:
    """A pass of the steps with these numbers: point steps, or a single slice step."""

    steps: tuple[int, ...]


_Pass: TypeAlias = _StatisticsPass | _StepsPass


class NoiseChain:
    """Noise steps in the order in which they are applied; a kind may occur repeatedly.

    Steps read the statistics of a slice (mean, range) as they were after the last step that changed the slices. A step
    that changes slices reads the statistics of its own input.
    """

    def __init__(self, steps: Sequence[NoiseStep]) -> None:
        self._steps = tuple(steps)
        self._passes = _plan(self._steps)

    def __len__(self) -> int:
        return len(self._steps)

    @property
    def slice_bytes(self) -> int:
        """The bytes of the buffer for statistics, for each slice of each image."""
        return SLICE.itemsize

    def arrays(self, images: Images) -> Arrays:
        """Return the arrays of all steps to upload; raises InvalidInput if a step is not for these images."""
        return {
            f"noise_{number}_{name}": array
            for number, step in enumerate(self._steps)
            for name, array in step.arrays(images).items()
        }

    def launch(
        self, block: ImageBlock, buffers: Buffers, values: "cl.Buffer", spare: "cl.Buffer", slices: "cl.Buffer"
    ) -> "cl.Buffer":
        """Enqueue all steps and return the buffer that has the result: `values` or `spare`.

        block: the images.
        buffers: the uploaded arrays of the batch.
        values: the images before the steps.
        spare: a buffer of the same size.
        slices: a buffer of `slice_bytes` for each slice of each image of the block.
        """
        for stage in self._passes:
            if isinstance(stage, _StatisticsPass):
                _compute_statistics(block, stage.statistics, values, slices)
            elif isinstance(step := self._steps[stage.steps[0]], SliceStep):
                step.launch(block, self._buffers(stage.steps[0], buffers), values, spare)
                values, spare = spare, values
            else:
                self._change_points(block, stage.steps, buffers, values, slices)
        return values

    def _buffers(self, number: int, buffers: Buffers) -> Buffers:
        prefix = f"noise_{number}_"
        return {name.removeprefix(prefix): buffer for name, buffer in buffers.items() if name.startswith(prefix)}

    def _change_points(
        self, block: ImageBlock, numbers: tuple[int, ...], buffers: Buffers, values: "cl.Buffer", slices: "cl.Buffer"
    ) -> None:
        steps = [step for number in numbers if isinstance(step := self._steps[number], PointStep)]
        arguments = [
            argument
            for number, step in zip(numbers, steps, strict=True)
            for argument in step.arguments(self._buffers(number, buffers))
        ]
        kernel = block.device.kernel("change_points", "noise/points.cl", STEPS=_source(steps))
        block.launch(kernel, values, slices, *block.sizes(), *arguments)


def _plan(steps: Sequence[NoiseStep]) -> list[_Pass]:
    """Arrange steps in passes. Adjacent point steps share a pass; statistics are computed where they are needed."""
    passes: list[_Pass] = []
    known, exact = Statistics.NONE, True  # exact: the values have not changed since the statistics were computed
    slices_changed = True  # by the step before, or there is none
    for number, step in enumerate(steps):
        if not isinstance(step, PointStep):
            passes.append(_StepsPass((number,)))
            known, exact, slices_changed = Statistics.NONE, True, True
            continue
        if slices_changed or step.CHANGES_SLICES:
            needed = max([step.STATISTICS, *(later.STATISTICS for later in _steps_before_change(steps[number + 1 :]))])
            if needed > known or (needed and not exact):
                passes.append(_StatisticsPass(needed))
                known, exact = needed, True
        if passes and isinstance(last := passes[-1], _StepsPass) and isinstance(steps[last.steps[0]], PointStep):
            passes[-1] = _StepsPass((*last.steps, number))
        else:
            passes.append(_StepsPass((number,)))
        exact = exact and step.CHANGES_SLICES
        slices_changed = False
    return passes


def _steps_before_change(steps: Sequence[NoiseStep]) -> Iterator[PointStep]:
    """Yield the point steps that come before the first step that changes the slices."""
    for step in steps:
        if not isinstance(step, PointStep) or step.CHANGES_SLICES:
            return
        yield step


def _compute_statistics(block: ImageBlock, statistics: Statistics, values: "cl.Buffer", slices: "cl.Buffer") -> None:
    device, partition = block.device, block.partition
    y, x = STATISTICS_TILE if device.lanes == 1 else (1, 1)
    groups = (y, x * -(-block.n_out // device.lanes), len(partition.images))
    partial = cl.LocalMemory(4 * EXTENT_VALUES * device.lanes * y * x)
    deviation = int(statistics is Statistics.DEVIATION)
    kernel = device.kernel("slice_statistics", "noise/statistics.cl", DEVIATION=deviation)
    device.launch(
        kernel, groups, (y, x, 1), values, *block.sizes(), partial, slices, first=partition.images.start
    )  # fmt: skip


def _source(steps: Sequence[PointStep]) -> str:
    """Return the text that points.cl includes as STEPS: the steps' files, and macros that call their functions."""
    files, parameters, opens, applies = [], [], [], []
    for i, step in enumerate(steps):
        files.append(f'#include "{step.file}"\n')
        names = [f"step_{i}_{j}" for j in range(len(step.PARAMETERS))]
        parameters += [f", {kind} {name}" for kind, name in zip(step.PARAMETERS, names, strict=True)]
        opens.append(f"{step.KIND}_pixel_t step_{i} = {step.KIND}_open({', '.join([*names, 'pixel'])});")
        applies.append(f"value = {step.KIND}_apply(&step_{i}, value, &slice, k);")
    return (
        "".join(files)
        + f"#define STEP_PARAMETERS {''.join(parameters)}\n"
        + f"#define OPEN_STEPS {' '.join(opens)}\n"
        + f"#define APPLY_STEPS {' '.join(applies)}\n"
    )
