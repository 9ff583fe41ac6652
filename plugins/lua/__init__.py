"""The lua feature."""
