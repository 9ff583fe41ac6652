"""The generation feature."""
