"""Decodes the messages of the Redis channel on which the ledger announces changes."""


def decode_event(message: str) -> tuple[str, set[int]]:
    """Return the job that a message is about and its batches that changed; an empty set stands for the whole job."""
    job_id, *batches = message.split(" ")
    return job_id, set(map(int, batches))
