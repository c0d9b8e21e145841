"""A picture of Δf slices of one molecule by several force fields, from far to near."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from afmbatch.structures.elements import elements

Array: TypeAlias = np.ndarray[Any, Any]

_COLUMNS = 5
_CELL, _LEFT, _TOP, _BOTTOM = 2.0, 1.8, 0.72, 0.62  # inches: side of a panel, margins
_BETWEEN, _BELOW = 0.06, 0.27  # inches between panels of a row, and below each for its range of Δf
_SCALE_BAR = 2.0  # Å
_BOND = 1.2  # of the sum of covalent radii (physics.md §7, bonds)
_COLOURS = {1: "#ffffff", 6: "#8c8c8c", 7: "#4c6fff", 8: "#ff3b30"}
_OTHER_COLOUR = "#ffd60a"
_OUTLINE = [withStroke(linewidth=2.5, foreground="black")]


def render(rows: Mapping[str, Mapping[str, Array]], title: str, path: Path) -> None:
    """Write a PNG with the first image of one batch in each row, and slices at the same height in each column.

    rows: the arrays of a batch by the label of its row, whose first line is bold. All batches have the same heights and
    the same window. The atoms are drawn over the farthest slice, where they hide least.
    """
    first = next(iter(rows.values()))
    lower = first["heights"][0, 0, :, 1]  # Å above the highest atom, of the tip at the lower turning point
    picked = np.linspace(0, len(lower) - 1, _COLUMNS).round().astype(int)
    width = _LEFT + _COLUMNS * (_CELL + _BETWEEN)
    height = _TOP + len(rows) * (_CELL + _BELOW) + _BOTTOM
    figure = Figure(figsize=(width, height), facecolor="white", dpi=130)
    FigureCanvasAgg(figure)
    figure.text(_LEFT / width, 1 - 0.12 / height, title, fontsize=13, va="top")
    for i, (label, batch) in enumerate(rows.items()):
        bottom = _BOTTOM + (len(rows) - 1 - i) * (_CELL + _BELOW) + _BELOW
        _label(figure, label, bottom + _CELL / 2)
        for j, k in enumerate(picked):
            left = _LEFT + j * (_CELL + _BETWEEN)
            axes = figure.add_axes((left / width, bottom / height, _CELL / width, _CELL / height))
            _show_slice(axes, batch["afm"][0, 0, :, :, k], batch["scan_windows"][0, 0, :, :2])
            if i == 0:
                axes.set_title(f"z = {lower[k]:.2f} Å", fontsize=10)
            if j == 0:
                _show_atoms(axes, batch["mols"][: batch["mol_offsets"][1]])
            if i == j == 0:
                _show_scale(axes, *batch["scan_windows"][0, 0, 0, :2])
    caption = (
        "z: height of the tip above the molecule at the lower turning point of the oscillation; "
        f"at rest the probe particle is {first['r0'][0, 0]:g} Å lower.\n"
        "Grey: from the lowest Δf of each panel (black) to the highest (white). x points to the right, y up."
    )
    figure.text(_LEFT / width, 0.12 / height, caption, fontsize=8.5, va="bottom", linespacing=1.4)
    figure.savefig(path)


def _label(figure: Figure, label: str, y: float) -> None:
    """Write the label of a row, whose centre is y inches above the bottom: the first line bold, the others below it."""
    width, height = figure.get_size_inches()
    heading, _, description = label.partition("\n")
    figure.text(0.14 / width, (y + 0.15) / height, heading, fontsize=11, weight="bold", va="bottom")
    figure.text(0.14 / width, (y + 0.05) / height, description, fontsize=9, va="top", linespacing=1.4)


def _show_slice(axes: Axes, image: Array, window: Array) -> None:
    """Show a slice, (nx, ny) in Hz, with x to the right and y up. window: its lower and upper corner, (2, 2) in Å."""
    half = (window[1] - window[0]) / (np.array(image.shape) - 1) / 2  # the window ends at the centres of pixels
    (left, bottom), (right, top) = window[0] - half, window[1] + half
    axes.imshow(image.T, origin="lower", extent=(left, right, bottom, top), cmap="gray", interpolation="nearest")
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set(color="#a0a0a0", linewidth=0.6)
    low, high = (f"{round(float(value), 2) + 0.0:.2f}" for value in (image.min(), image.max()))  # + 0.0: no "-0.00"
    axes.set_xlabel(f"Δf {low} … {high} Hz".replace("-", "−"), fontsize=8.5, labelpad=3)


def _show_atoms(axes: Axes, molecule: Array) -> None:
    """Draw the atoms and bonds of a molecule, (n, 5): x y z q Z."""
    xy, numbers = molecule[:, :2], molecule[:, 4].astype(int)
    radius = elements().covalent_radius[numbers]
    apart = np.linalg.norm(molecule[:, None, :3] - molecule[None, :, :3], axis=-1)
    for i, j in np.argwhere(np.triu(apart < _BOND * (radius[:, None] + radius), k=1)):
        axes.plot(*xy[[i, j]].T, color="#e8e8e8", linewidth=1.6, path_effects=_OUTLINE, zorder=2)
    colours = [_COLOURS.get(z, _OTHER_COLOUR) for z in numbers]
    axes.scatter(xy[:, 0], xy[:, 1], s=120 * radius, c=colours, edgecolors="black", linewidths=0.8, zorder=3)


def _show_scale(axes: Axes, x: float, y: float) -> None:
    """Draw a scale bar near the lower left corner (x, y)."""
    x, y = x + 0.4, y + 0.45
    axes.plot([x, x + _SCALE_BAR], [y, y], color="black", linewidth=2.5, solid_capstyle="butt")
    axes.text(x + _SCALE_BAR / 2, y + 0.15, f"{_SCALE_BAR:g} Å", color="black", fontsize=9, ha="center", va="bottom")
