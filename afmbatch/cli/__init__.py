"""The programs: `afmbatch up`, `serve`, `worker`, `demo`, `devices`."""
