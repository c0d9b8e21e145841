"""The programs `afmbatch up`, `serve`, `worker`, `demo` and `devices`."""
