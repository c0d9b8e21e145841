"""The parent process of a worker: it takes shards from the queue and never touches OpenCL."""
