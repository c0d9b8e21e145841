"""Recipes of extended jobs, with the same limits as those of new ones."""

from afmbatch.errors import FieldError, InvalidInput
from afmbatch.ledger.records import DatasetRecord
from afmbatch.sampling.plan import Plan
from afmbatch.sampling.recipe import Recipe
from afmbatch.settings import Settings
from afmbatch.spec.model import MAX_INT
from service.admission.dataset_checks import rejections


def extended_by_epochs(recipe: Recipe, epochs: int, settings: Settings) -> Recipe:
    """The recipe with further epochs. Raises InvalidInput."""
    longer = recipe.with_epochs(epochs)
    if (fault := _too_many(recipe, longer, "epochs", str(epochs), epochs, settings)) is not None:
        raise InvalidInput(fault)
    return longer


def extended_by_molecules(recipe: Recipe, dataset: DatasetRecord, settings: Settings) -> Recipe:
    """The recipe with another dataset. Raises InvalidInput."""
    longer = recipe.with_molecules(dataset.id, dataset.structures, dataset.atoms)
    faults = [
        FieldError("dataset", dataset.id, found.told(dataset), found.dataset)
        for found in rejections(recipe.spec, dataset)
    ]
    if (fault := _too_many(recipe, longer, "dataset", dataset.id, dataset.structures, settings)) is not None:
        faults.append(fault)
    if faults:
        raise InvalidInput(*faults)
    return longer


def _too_many(
    recipe: Recipe, longer: Recipe, field: str, value: str, amount: int, settings: Settings
) -> FieldError | None:
    """What is wrong if it makes too many samples; `amount` of epochs or structures come on, each with as many."""
    plan, most = Plan(longer), settings.max_samples
    before, after = Plan(recipe).samples, plan.samples
    if plan.available > MAX_INT:
        reason = f"the job would have {plan.available} samples, more than can be numbered"
        return FieldError(field, value, reason, f"together at most {MAX_INT}")
    if after <= most:
        return None
    fitting = max(0, most - before) * amount // (after - before)
    unit = "epochs" if field == "epochs" else "structures"
    reason = f"the job would make {after} samples, this server allows {most}"
    return FieldError(
        field, value, reason, f"at most {fitting} {unit}" if fitting else "a new job: this one can't grow"
    )
