"""The remote side: a module or folder per network; none knows another."""
