from tests.live_synapse import live  # noqa: F401
