"""The recipe: a spec with the datasets and the passes through them that it is applied to. All of a job follows from it.

A job begins with one extent, its dataset passed through spec.epochs times. Extending it appends extents: what exists
keeps its numbers and its batches.
"""

import hashlib
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import Field

from afmbatch.spec.delivery import StreamDelivery
from afmbatch.spec.job import JobSpec
from afmbatch.spec.model import MAX_INT, Model

ENGINE = "3"  # raised whenever the bytes of any sample change: it is part of what makes a batch what it is


class Source(Model):
    """A dataset of a job; its structures are numbered on from those of the ones before."""

    dataset: str = Field(description="Id of the dataset.", examples=["ds-0"])
    structures: int = Field(ge=1, le=MAX_INT, description="How many structures it has.")


class Extent(Model):
    """Some of a job's structures, passed through a number of times."""

    first_structure: int = Field(ge=0, le=MAX_INT)
    structures: int = Field(ge=1, le=MAX_INT)
    first_epoch: int = Field(ge=0, le=MAX_INT)
    epochs: int = Field(ge=1, le=MAX_INT)


class Recipe(Model):
    """All that a job's samples follow from, besides the kind of device."""

    spec: JobSpec = Field(description="The spec with its defaults filled in.")
    sources: tuple[Source, ...] = Field(description="The datasets: the spec's, then those it was extended by.")
    extents: tuple[Extent, ...] = Field(description="What is passed through, one after the other.")
    only: tuple[int, ...] | None = Field(
        default=None, description="Numbers of the samples that are made, in this order; null: all."
    )

    @classmethod
    def of(cls, spec: JobSpec, structures: int) -> Self:
        """The recipe of a new job on a dataset of so many structures."""
        # Without end: so many that all samples can be numbered.
        endless = max(1, MAX_INT // (structures * spec.rotations.n * spec.sweep.n))
        epochs = endless if spec.epochs is None else spec.epochs
        extent = Extent(first_structure=0, structures=structures, first_epoch=0, epochs=epochs)
        return cls(spec=spec, sources=(Source(dataset=spec.dataset, structures=structures),), extents=(extent,))

    @property
    def datasets(self) -> tuple[str, ...]:
        """The ids of its datasets, each once."""
        return tuple(dict.fromkeys(source.dataset for source in self.sources))

    @property
    def structures(self) -> int:
        """Structures of all its datasets."""
        return sum(source.structures for source in self.sources)

    @property
    def stream(self) -> StreamDelivery | None:
        """How it is streamed; None if what it makes is kept."""
        return self.spec.delivery if isinstance(self.spec.delivery, StreamDelivery) and self.only is None else None

    @property
    def endless(self) -> bool:
        """Whether it has no end that anybody reaches."""
        return self.spec.epochs is None and self.spec.samples is None and self.only is None

    @property
    def epochs(self) -> int:
        """How often the first dataset is passed through."""
        return max(extent.first_epoch + extent.epochs for extent in self.extents)

    def with_molecules(self, dataset: str, structures: int) -> "Recipe":
        """The recipe extended by a dataset, passed through as often as the others were."""
        extent = Extent(first_structure=self.structures, structures=structures, first_epoch=0, epochs=self.epochs)
        sources = (*self.sources, Source(dataset=dataset, structures=structures))
        return self.model_copy(update={"sources": sources, "extents": (*self.extents, extent)})

    def with_epochs(self, epochs: int) -> "Recipe":
        """The recipe extended by further passes through all its structures."""
        extent = Extent(first_structure=0, structures=self.structures, first_epoch=self.epochs, epochs=epochs)
        return self.model_copy(update={"extents": (*self.extents, extent)})

    def of_samples(self, *numbers: int) -> "Recipe":
        """The recipe of these samples alone."""
        return self.model_copy(update={"only": numbers})

    @property
    def bare(self) -> "Recipe":
        """This alone, of a record that says more."""
        return Recipe(spec=self.spec, sources=self.sources, extents=self.extents, only=self.only)

    @property
    def recipe_id(self) -> str:
        """Hash of spec, seed, datasets (their ids follow from their content) and engine version."""
        text = self.bare.model_dump_json(exclude={"spec": {"priority"}})
        return f"rc-{hashlib.sha256(f'{ENGINE} {text}'.encode()).hexdigest()[:32]}"


class MoreMolecules(Model):
    """Another dataset, passed through as often as the job's others."""

    kind: Literal["molecules"]
    dataset: str = Field(max_length=100, description="Id of the dataset whose structures come on.", examples=["ds-0"])


class MoreEpochs(Model):
    """Further passes through all structures of the job, with fresh draws."""

    kind: Literal["epochs"]
    epochs: int = Field(ge=1, le=1_000_000, description="How many.")


Extension: TypeAlias = Annotated[MoreMolecules | MoreEpochs, Field(discriminator="kind")]
