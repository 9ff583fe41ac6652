"""The agents feature."""
