"""The child process of a worker: it holds the OpenCL device and never touches Redis."""
