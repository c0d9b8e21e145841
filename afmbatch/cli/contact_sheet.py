"""A picture of batches: it shows Δf slices beside the image descriptors of the same samples."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

_ROWS = 8
_SLICES = 4
_CELL, _LEFT, _TOP = 1.5, 1.1, 0.55  # inches


def draw(batches: Sequence[Path], names: Sequence[str], target: Path) -> None:
    """Write a PNG of up to eight samples, each of another structure, in the order of their numbers of atoms.

    batches: npz files of one job; names: the names of the dataset's structures, in the dataset's order.
    """
    rows = _choose_samples(batches)
    with np.load(rows[0][0], allow_pickle=False) as first:
        channels = [str(c) for c in first["desc_names"]]
        slices = np.linspace(0, first["afm"].shape[-1] - 1, _SLICES).round().astype(int)
    columns = len(slices) + len(channels)
    width, height = _LEFT + columns * _CELL, _TOP + len(rows) * _CELL
    figure = Figure(figsize=(width, height), facecolor="#101014", dpi=110)
    FigureCanvasAgg(figure)
    grid = figure.subplots(len(rows), columns, squeeze=False)
    figure.subplots_adjust(left=_LEFT / width, right=1, top=1 - _TOP / height, bottom=0, wspace=0.04, hspace=0.04)
    for row, (path, b) in zip(grid, rows, strict=True):
        with np.load(path, allow_pickle=False) as batch:
            afm, desc = batch["afm"][b, 0], batch["desc"][b]
            label = f"{names[int(batch['structure'][b])]}\n{batch['distance'][b, 0]:.2f} Å"
        for axes, k in zip(row, slices, strict=False):
            axes.imshow(afm[..., k].T, origin="lower", cmap="gray", interpolation="nearest")
        for axes, channel in zip(row[len(slices) :], desc, strict=True):
            axes.imshow(channel.T, origin="lower", cmap="magma", interpolation="nearest")
        row[0].set_ylabel(label, color="white", fontsize=9, rotation=0, ha="right", va="center", labelpad=6)
    titles = [f"Δf, slice {k}" for k in slices] + [c.replace("_", " ") for c in channels]
    titles[0] += "\n(farthest)"
    titles[len(slices) - 1] += "\n(closest)"
    for axes, title in zip(grid[0], titles, strict=True):
        axes.set_title(title, color="white", fontsize=9)
    for axes in grid.flat:
        axes.set_xticks([])
        axes.set_yticks([])
        axes.spines[:].set_visible(False)
    figure.savefig(target)


def _choose_samples(batches: Sequence[Path]) -> list[tuple[Path, int]]:
    """Choose up to eight structures from the smallest to the largest, and the sample of each that shows most detail.

    Returns the batch file of each sample and its index in it.
    """
    best: dict[int, tuple[float, int, Path, int]] = {}  # by structure: detail, atoms, file, index
    for path in batches:
        with np.load(path, allow_pickle=False) as batch:
            detail = batch["desc"].mean(axis=(1, 2, 3))
            atoms = np.diff(batch["mol_offsets"])
            for b, structure in enumerate(batch["structure"].tolist()):
                sample = (float(detail[b]), int(atoms[b]), path, b)
                best[structure] = max(best.get(structure, sample), sample)
    ordered = sorted(best.values(), key=lambda sample: sample[1])
    picked = np.unique(np.linspace(0, len(ordered) - 1, min(_ROWS, len(ordered))).round().astype(int))
    return [ordered[i][2:] for i in picked]
