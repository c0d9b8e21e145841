"""Files of datasets and batches."""
