"""The state of datasets, jobs, batches and workers in Redis."""
