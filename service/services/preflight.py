"""A preflight plans a job without running it, and has its first samples made on request."""

from redis.client import Pipeline

from afmbatch.ledger.ledger import Ledger
from afmbatch.sampling.plan import Plan
from afmbatch.sampling.recipe import Recipe
from afmbatch.settings import Settings
from afmbatch.spec.job import JobSpec
from service.admission.admission import Admission
from service.admission.preflight import Preflight, describe_preview, make_report
from service.services.input_lookup import check_tips_of_spec, dataset_of_spec
from service.services.job_factory import JobFactory, new_job_id


class PreflightService:
    """Reports what specs would make. All methods block."""

    def __init__(self, ledger: Ledger, factory: JobFactory, settings: Settings) -> None:
        self._ledger = ledger
        self._factory = factory
        self._settings = settings

    def report(self, spec: JobSpec, preview_samples: int) -> Preflight:
        """Return the report of a spec. If `preview_samples` > 0, also create a job of that many first samples.

        The preview is omitted if the job would not be accepted. Raises InvalidInput if the dataset or a tip does not
        exist.
        """
        dataset = dataset_of_spec(self._ledger, spec.dataset, None)
        check_tips_of_spec(self._ledger, spec, None)
        plan = Plan(Recipe.of(spec, dataset.structures, dataset.atoms))
        existing = self._factory.find(plan.recipe)
        admission = Admission.check(plan, dataset, self._settings)
        report = make_report(plan, dataset, admission, self._settings, self._ledger.workers.live(), existing)
        if not preview_samples or not admission.accepted:
            return report

        def recipe_of(pipe: Pipeline) -> Recipe:
            dataset_of_spec(self._ledger, spec.dataset, pipe)
            check_tips_of_spec(self._ledger, spec, pipe)
            batches = range(min(plan.batches, -(-preview_samples // spec.batch_size)))
            return plan.recipe.of_samples(*plan.numbers(*batches)[:preview_samples].tolist())

        job, _ = self._factory.find_or_create(recipe_of, new_job_id(), at_front=True)
        return report.model_copy(update={"preview": describe_preview(job)})
