"""This package finds and opens OpenCL devices, builds programs for them and manages their memory."""
