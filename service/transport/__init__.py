"""HTTP bodies, downloads, event streams and problem documents."""
