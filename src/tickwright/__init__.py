"""Tickwright: a Bevy-style entity-component-system engine for Python."""
