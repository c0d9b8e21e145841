"""The HTTP front end: validates specs, plans jobs, enqueues shards, serves batches."""
