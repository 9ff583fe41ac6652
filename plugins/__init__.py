"""Everything that touches the outside or is optional, each an App plugin."""
