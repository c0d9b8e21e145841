"""A picture of the training: Δf slices, predictions beside targets, and the losses."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec, SubplotSpec

Array: TypeAlias = np.ndarray[Any, Any]

_DARK, _LIGHT = "#101014", "#e8e8ec"
_CELL, _LEFT, _TOP, _CURVE = 1.35, 1.35, 0.75, 2.6  # inches
_SLICES = 3


def draw(
    labels: Sequence[str],
    seen: Array,
    predicted: Array,
    wanted: Array,
    names: Sequence[str],
    curve: Sequence[Mapping[str, float]],
    target: Path,
) -> None:
    """Write a PNG with one sample in each row, and the losses below.

    labels: a label for each row.
    seen: (rows, slices, nx, ny), Δf.
    predicted, wanted: (rows, D, nx, ny), descriptors from 0 to 1.
    names: a name for each of the D descriptors.
    curve: points with the keys step, loss and held_out.
    """
    picked = np.linspace(0, seen.shape[1] - 1, _SLICES).round().astype(int)
    sides = [2] * len(names)  # prediction and target
    width, images = _LEFT + (_SLICES + sum(sides)) * _CELL, len(labels) * _CELL
    height = _TOP + images + _CURVE
    figure = Figure(figsize=(width, height), facecolor=_DARK, dpi=110)
    FigureCanvasAgg(figure)
    blocks = GridSpec(
        *(1, 1 + len(names)),
        figure,
        *(_LEFT / width, _CURVE / height, 1 - 0.1 / width, 1 - _TOP / height),
        wspace=0.04,
        width_ratios=[_SLICES, *sides],
    )
    first = _block(figure, blocks[0], seen[:, picked], {"cmap": "gray"})
    for axes, label in zip(first[:, 0], labels, strict=True):
        axes.set_ylabel(label, color=_LIGHT, fontsize=9, rotation=0, ha="right", va="center", labelpad=6)
    positions = ("farthest", *[""] * (_SLICES - 2), "closest")
    _titles(first[0], [f"Δf, slice {k}\n{word}" for k, word in zip(picked, positions, strict=True)])
    for d, name in enumerate(names):
        pair = np.stack([predicted[:, d], wanted[:, d]], axis=1)
        block = _block(figure, blocks[1 + d], pair, {"cmap": "magma", "vmin": 0, "vmax": 1})
        _titles(block[0], [f"{name}\npredicted", "\ntarget"])
    inside = (_LEFT / width, 0.6 / height, 1 - (_LEFT + 0.3) / width, (_CURVE - 0.8) / height)
    _curve(figure.add_axes(inside), curve)
    figure.savefig(target, facecolor=_DARK)


def _block(figure: Figure, place: SubplotSpec, pictures: Array, style: dict[str, Any]) -> Array:
    """Show pictures, (rows, columns, nx, ny), and return their axes, (rows, columns)."""
    grid: Array = place.subgridspec(*pictures.shape[:2], wspace=0.03, hspace=0.03).subplots(squeeze=False)
    for axes, picture in zip(grid.flat, pictures.reshape(-1, *pictures.shape[2:]), strict=True):
        axes.imshow(picture.T, origin="lower", interpolation="nearest", aspect="auto", **style)
        axes.set_xticks([])
        axes.set_yticks([])
        axes.spines[:].set_visible(False)
    return grid


def _titles(row: Sequence[Axes], titles: Sequence[str]) -> None:
    for axes, title in zip(row, titles, strict=True):
        axes.set_title(title, color=_LIGHT, fontsize=9)


def _curve(axes: Axes, curve: Sequence[Mapping[str, float]]) -> None:
    steps = [point["step"] for point in curve]
    axes.axhline(1.0, color=_LIGHT, linestyle="--", label="mean image")
    axes.plot(steps, [point["loss"] for point in curve], color="#4c9be8", label="training")
    axes.plot(steps, [point["held_out"] for point in curve], color="#f2a541", label="molecules held out")
    axes.set_yscale("log")
    axes.set_yticks([2.0, 1.0, 0.5, 0.2, 0.1, 0.05], ["2", "1", "0.5", "0.2", "0.1", "0.05"])
    axes.minorticks_off()
    axes.set_xlim(0, steps[-1])
    axes.set_facecolor(_DARK)
    axes.set_xlabel("step", color=_LIGHT)
    axes.set_ylabel("loss", color=_LIGHT)
    axes.tick_params(which="both", colors=_LIGHT)
    axes.spines[:].set_color("#505058")
    axes.legend(facecolor=_DARK, edgecolor="#505058", labelcolor=_LIGHT)
