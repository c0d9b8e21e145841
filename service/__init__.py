"""The HTTP service validates specs, plans jobs, enqueues shards and serves batches."""
