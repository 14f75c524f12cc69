"""The loops: ingest, deliver, migrate, watch, switch; written against ``core.ports`` alone."""
