"""Widgets, all painted on the line API through one typesetter."""
