"""Frequency-shift images: the probe particle is relaxed under the tip, and its forces are integrated."""
