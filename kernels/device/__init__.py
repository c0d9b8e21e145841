"""OpenCL devices: finding and opening them, building programs for them, and their memory."""
