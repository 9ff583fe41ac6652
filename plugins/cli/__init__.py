"""The cli feature."""
