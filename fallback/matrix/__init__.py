"""The Matrix side: an account with its keys, its rooms and ghosts; the only importer of nio."""

import logging

# They would log what was decrypted, keys of files, and tokens.
for _name in ("nio.events.misc", "nio.responses"):
    logging.getLogger(_name).disabled = True
