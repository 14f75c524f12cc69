"""The Matrix side: an account with its keys, its rooms and ghosts; the only importer of nio."""

import logging

for _name in ("nio.events.misc", "nio.responses"):  # they would log what was decrypted, keys of files, and tokens
    logging.getLogger(_name).disabled = True
