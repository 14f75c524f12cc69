"""The Matrix side; the only importer of nio."""
