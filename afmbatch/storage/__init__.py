"""The files of datasets and batches, and the store that keeps them."""
