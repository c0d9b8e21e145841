"""The routes call one service for each feature."""
