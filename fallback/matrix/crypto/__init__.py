"""The trust that nio lacks."""
