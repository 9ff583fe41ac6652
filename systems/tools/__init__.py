"""The tools feature."""
