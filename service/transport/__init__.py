"""The transport reads HTTP bodies and writes downloads and problem documents."""
