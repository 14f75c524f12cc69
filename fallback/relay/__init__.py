"""The daemon: runs the loops, takes signals, drains."""
