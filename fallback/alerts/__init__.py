"""How people are told outside Matrix, one channel a file; none yet."""
