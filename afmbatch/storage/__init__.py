"""Writes and reads the files of datasets and batches, and keeps them in a store."""
