"""Defines the recipe of a job, from which all its samples follow: its spec, datasets, and passes through structures.

A job begins with one extent: its dataset, passed through spec.epochs times. Extending the job appends extents; existing
samples keep their numbers and their batches.
"""

import hashlib
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import Field

from afmbatch.spec.delivery import StreamDelivery
from afmbatch.spec.job import JobSpec
from afmbatch.spec.model import MAX_INT, Model

ENGINE = "5"  # raised whenever the bytes of any array change: they follow from a recipe and an engine version


class Source(Model):
    """A dataset of a job. Its structures are numbered after those of the datasets before it."""

    dataset: str = Field(description="Id of the dataset.", examples=["ds-0"])
    structures: int = Field(ge=1, le=MAX_INT, description="Number of structures in the dataset.")
    atoms: int = Field(
        ge=1, le=MAX_INT, description="Number of atoms of all its structures, without their periodic images."
    )


class Extent(Model):
    """A range of a job's structures that is passed through a number of times."""

    first_structure: int = Field(ge=0, le=MAX_INT, description="Number of the first structure, over all datasets.")
    structures: int = Field(ge=1, le=MAX_INT, description="Number of structures.")
    first_epoch: int = Field(ge=0, le=MAX_INT, description="Number of the first epoch of these structures.")
    epochs: int = Field(ge=1, le=MAX_INT, description="Number of passes through these structures.")


class Recipe(Model):
    """Everything that a job's samples follow from, except the kind of device."""

    spec: JobSpec = Field(description="The spec with its defaults filled in.")
    sources: tuple[Source, ...] = Field(
        description="Datasets of the job: the dataset of the spec, then the datasets by which the job was extended."
    )
    extents: tuple[Extent, ...] = Field(description="Ranges of structures that are passed through, in this order.")
    only: tuple[int, ...] | None = Field(
        default=None, description="Numbers of the only samples that are made, in this order; null: all samples."
    )

    @classmethod
    def of(cls, spec: JobSpec, structures: int, atoms: int) -> Self:
        """Return the recipe of a new job on a dataset with these numbers of structures and of atoms."""
        # A stream without end gets as many epochs as keep every sample number below MAX_INT.
        endless = max(1, MAX_INT // (structures * spec.rotations.n * spec.sweep.n))
        epochs = endless if spec.epochs is None else spec.epochs
        extent = Extent(first_structure=0, structures=structures, first_epoch=0, epochs=epochs)
        source = Source(dataset=spec.dataset, structures=structures, atoms=atoms)
        return cls(spec=spec, sources=(source,), extents=(extent,))

    @property
    def datasets(self) -> tuple[str, ...]:
        """The ids of the datasets in the order of the sources, without repetitions."""
        return tuple(dict.fromkeys(source.dataset for source in self.sources))

    @property
    def structures(self) -> int:
        """The number of structures of all datasets."""
        return sum(source.structures for source in self.sources)

    @property
    def atoms(self) -> int:
        """The number of atoms of all structures, without their periodic images."""
        return sum(source.atoms for source in self.sources)

    @property
    def stream(self) -> StreamDelivery | None:
        """The delivery of a streamed job; None if batches are kept."""
        return self.spec.delivery if isinstance(self.spec.delivery, StreamDelivery) and self.only is None else None

    @property
    def endless(self) -> bool:
        """True if the job is a stream without an end that a reader could reach."""
        return self.spec.epochs is None and self.spec.samples is None and self.only is None

    @property
    def epochs(self) -> int:
        """The number of passes through the first dataset."""
        return max(extent.first_epoch + extent.epochs for extent in self.extents)

    def with_molecules(self, dataset: str, structures: int, atoms: int) -> "Recipe":
        """Return the recipe extended by a dataset, which is passed through as often as the others were."""
        extent = Extent(first_structure=self.structures, structures=structures, first_epoch=0, epochs=self.epochs)
        sources = (*self.sources, Source(dataset=dataset, structures=structures, atoms=atoms))
        return self.model_copy(update={"sources": sources, "extents": (*self.extents, extent)})

    def with_epochs(self, epochs: int) -> "Recipe":
        """Return the recipe extended by further passes through all its structures."""
        extent = Extent(first_structure=0, structures=self.structures, first_epoch=self.epochs, epochs=epochs)
        return self.model_copy(update={"extents": (*self.extents, extent)})

    def of_samples(self, *numbers: int) -> "Recipe":
        """Return the recipe that makes only the samples with these numbers."""
        return self.model_copy(update={"only": numbers})

    @property
    def bare(self) -> "Recipe":
        """The recipe without the fields that a subclass adds, such as those of a job's record."""
        return Recipe(spec=self.spec, sources=self.sources, extents=self.extents, only=self.only)

    @property
    def recipe_id(self) -> str:
        """The hash of spec, seed, datasets (whose ids follow from their content) and this engine version."""
        return self.id_under(ENGINE)

    def id_under(self, engine: str) -> str:
        """Return the hash of spec, seed, datasets and an engine version."""
        text = self.bare.model_dump_json(exclude={"spec": {"priority"}})
        return f"rc-{hashlib.sha256(f'{engine} {text}'.encode()).hexdigest()[:32]}"


class MoreMolecules(Model):
    """An extension by another dataset, which is passed through as often as the job's others."""

    kind: Literal["molecules"]
    dataset: str = Field(max_length=100, description="Id of the dataset whose structures are added.", examples=["ds-0"])


class MoreEpochs(Model):
    """An extension by further passes through all structures of the job, with newly sampled quantities."""

    kind: Literal["epochs"]
    epochs: int = Field(ge=1, le=1_000_000, description="Number of further passes.")


Extension: TypeAlias = Annotated[MoreMolecules | MoreEpochs, Field(discriminator="kind")]
