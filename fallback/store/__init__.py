"""The one durable store of a profile, and the only SQL."""
