"""The records of datasets, jobs, batches and workers in Redis."""
