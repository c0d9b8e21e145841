"""A training example that reads its batches from a service: see README.md."""
