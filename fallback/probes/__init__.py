"""How an outage is seen, one source a file; ``build`` makes those that look at hosts."""
