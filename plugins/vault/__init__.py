"""The vault feature."""
