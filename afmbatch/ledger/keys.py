"""The Redis keys of the service and its workers. RQ's own keys start with `rq:`."""

DATASETS = "afmbatch:datasets"  # zset: dataset id → creation time
TIPS = "afmbatch:tips"  # zset: tip id → creation time
JOBS = "afmbatch:jobs"  # zset: job id → creation time
WORKERS = "afmbatch:workers"  # set: worker names
SWEEP_LOCK = "afmbatch:sweeping"  # string with expiry: held by the worker that looks for tasks of dead workers
EVENTS = "afmbatch:events"  # channel: "<job id> [<batch> …]", the batches that changed; without batches, the whole job


def dataset(dataset_id: str) -> str:
    """string: DatasetRecord."""
    return f"afmbatch:dataset:{dataset_id}"


def tip(tip_id: str) -> str:
    """string: TipRecord."""
    return f"afmbatch:tip:{tip_id}"


def upload(upload_id: str) -> str:
    """string with expiry: UploadRecord."""
    return f"afmbatch:upload:{upload_id}"


def job(job_id: str) -> str:
    """hash with these fields; times are Unix times in seconds:
    record: JobRecord.
    recipe_keys: the keys that `recipe` returned for the job's recipes, oldest first, separated by spaces.
    siblings: the key of the set of children that the job belongs to; only in jobs that have a parent.
    started, cancelled: the times at which a worker began with the job and at which the job was cancelled.
    resumed: the time at which a worker began after the job was posted or extended.
    stalled: a warning: the last worker that made no progress with a shard of the job.
    changed: the time at which a batch was last recorded, as made or as failed.
    samples, samples_before: numbers of samples recorded so far, and before the last extension.
    recorded: number of batches recorded so far, made again or not.
    flagged, flag:<name>: numbers of images that have any quality flag, and this one.
    """
    return f"afmbatch:job:{job_id}"


def done(job_id: str) -> str:
    """bitmap: one bit per recorded batch; streams have none."""
    return f"{job(job_id)}:done"


def batches(job_id: str) -> str:
    """hash: batch number → BatchRecord."""
    return f"{job(job_id)}:batches"


def order(job_id: str) -> str:
    """zset: batch number → position in the order of recording, from 1."""
    return f"{job(job_id)}:order"


def failed(job_id: str) -> str:
    """zset: BatchFailure → batch number."""
    return f"{job(job_id)}:failed"


def issued(job_id: str) -> str:
    """hash: IssuedShards."""
    return f"{job(job_id)}:issued"


def acknowledged(job_id: str) -> str:
    """zset: acknowledged batches of a stream that lie above its floor."""
    return f"{job(job_id)}:acknowledged"


def children(job_id: str) -> str:
    """set: ids of the jobs that make single samples of this one."""
    return f"{job(job_id)}:children"


def recipe(recipe_id: str, parent: str | None) -> str:
    """string: id of the job that makes a recipe.

    The key of a recipe that makes single samples contains the parent job's id.
    """
    return f"afmbatch:recipe:{recipe_id}" if parent is None else f"{job(parent)}:sample:{recipe_id}"


def idle(engine: str) -> str:
    """string with expiry: name of a worker with this engine version that has nothing to do."""
    return f"afmbatch:idle:{engine}"


def idempotency(key: str) -> str:
    """string with expiry: "<request digest> <job id>"."""
    return f"afmbatch:idempotency:{key}"


def worker(name: str) -> str:
    """string with expiry: WorkerRecord."""
    return f"afmbatch:worker:{name}"
