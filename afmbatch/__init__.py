"""The programs: `afmbatch up`, `serve`, `worker`, `demo`. Everything is opened here and handed down."""
