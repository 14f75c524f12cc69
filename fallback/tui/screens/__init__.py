"""Screens: the main one, and the windows over it."""
