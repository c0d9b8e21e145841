"""The checks that a spec must pass before a job is made of it."""
