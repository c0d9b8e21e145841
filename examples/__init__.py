"""Training that is fed by a service: see README.md."""
