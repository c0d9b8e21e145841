"""Derives the samples of a job and the parameters of each sample from the job's spec."""
