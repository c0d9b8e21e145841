"""A spec must pass these checks before a job is made of it."""
