"""The providers feature."""
