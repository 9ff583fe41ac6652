"""The demo: the main job on a copy of the example vault, every step checked."""
