"""The notes feature."""
