"""Extended jobs have the same limits as new jobs."""

from afmbatch.errors import FieldError, InvalidInput
from afmbatch.ledger.records import DatasetRecord
from afmbatch.sampling.plan import Plan
from afmbatch.sampling.recipe import Recipe
from afmbatch.settings import Settings
from afmbatch.spec.model import MAX_INT
from service.admission.dataset_checks import find_conflicts
from service.admission.grid_limits import check_device_grids


def extended_by_epochs(recipe: Recipe, epochs: int, settings: Settings) -> Recipe:
    """Return the recipe with further epochs. Raises InvalidInput."""
    extended = recipe.with_epochs(epochs)
    if (error := _check_samples(recipe, extended, "epochs", str(epochs), epochs, settings)) is not None:
        raise InvalidInput(error)
    return extended


def extended_by_molecules(recipe: Recipe, dataset: DatasetRecord, settings: Settings) -> Recipe:
    """Return the recipe with another dataset. Raises InvalidInput."""
    extended = recipe.with_molecules(dataset.id, dataset.structures, dataset.atoms)
    errors = [
        FieldError("dataset", dataset.id, conflict.describe(dataset), conflict.accepted_dataset)
        for conflict in find_conflicts(recipe.spec, dataset)
    ]
    errors += check_device_grids(recipe.spec, dataset, settings)
    if (error := _check_samples(recipe, extended, "dataset", dataset.id, dataset.structures, settings)) is not None:
        errors.append(error)
    if errors:
        raise InvalidInput(*errors)
    return extended


def _check_samples(
    recipe: Recipe, extended: Recipe, field: str, value: str, amount: int, settings: Settings
) -> FieldError | None:
    """Return an error if the extended recipe makes too many samples. amount: number of epochs or structures added."""
    plan, limit = Plan(extended), settings.max_samples
    before, after = Plan(recipe).samples, plan.samples
    if plan.available > MAX_INT:
        reason = f"the job would have {plan.available} samples, more than can be numbered"
        return FieldError(field, value, reason, f"at most {MAX_INT} samples in the whole job")
    if after <= limit:
        return None
    fitting = max(0, limit - before) * amount // (after - before)
    unit = "epochs" if field == "epochs" else "structures"
    reason = f"the job would make {after} samples, but this server allows {limit}"
    return FieldError(
        field, value, reason, f"at most {fitting} {unit}" if fitting else "no extension; post a new job instead"
    )
