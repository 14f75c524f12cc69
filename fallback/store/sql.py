"""The one SQL text: statements with ``$1`` placeholders, a schema for SQLite, and what each database calls them."""

import re

_PLACEHOLDER = re.compile(r"\$(\d+)")
_SCHEMA = (
    (r"CREATE VIRTUAL TABLE words USING fts5 \(.*?\n\);", """
CREATE TABLE words (
    rowid BIGINT NOT NULL PRIMARY KEY REFERENCES events ("row"),
    text TSVECTOR NOT NULL
);
CREATE INDEX words_text ON words USING gin (text);
"""),
    (r"\bINTEGER PRIMARY KEY AUTOINCREMENT\b", "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY"),
    (r"\bINTEGER\b", "BIGINT"),
    (r"\bBLOB\b", "BYTEA"),
    (r"\bTEXT NOT NULL\b", 'TEXT COLLATE "C" NOT NULL'),
    (r"\) STRICT(, WITHOUT ROWID)?", ")"),
)  # fmt: skip
"""The collation is the bytes' own: an index must not depend on the version of the server's C library."""


def sqlite(statement: str) -> str:
    """Rewrite ``$1`` to SQLite's ``?1``."""
    return _PLACEHOLDER.sub(r"?\1", statement)


def postgres(schema: str) -> str:
    """Rewrite a step of the schema to PostgreSQL's types; statements need no rewriting there."""
    for pattern, there in _SCHEMA:
        schema = re.sub(pattern, there, schema, flags=re.DOTALL)
    return schema


_DELIVERY = "d.id, d.portal, d.target, d.event, d.sender, d.state, d.attempts, d.not_before, d.remote, d.error, d.token"
_SHOWN = 'SELECT e."row", e.portal, e.event, d.state, d.error, d.id FROM'
_LATEST_DELIVERY = """
    LEFT JOIN deliveries d ON d.seq = (SELECT max(l.seq) FROM deliveries l WHERE l."row" = e."row")
"""
_TIMELINE = f"{_SHOWN} events e {_LATEST_DELIVERY}"

UPGRADES = (
    "CREATE TABLE IF NOT EXISTS upgrades (number INTEGER NOT NULL PRIMARY KEY, name TEXT NOT NULL) STRICT"
)
VERSION = "SELECT coalesce(max(number), 0) FROM upgrades"
UPGRADED = "INSERT INTO upgrades (number, name) VALUES ($1, $2)"

SAVE_PORTAL = """
    INSERT INTO portals (id, portal) VALUES ($1, $2)
    ON CONFLICT (id) DO UPDATE SET portal = excluded.portal
"""
PORTALS = "SELECT portal FROM portals ORDER BY place"

KNOWN = "SELECT 1 FROM ids WHERE portal = $1 AND id = $2 AND origin = $3"
INSERT_EVENT = """
    INSERT INTO events (portal, origin, id, at, event) VALUES ($1, $2, $3, $4, $5) RETURNING "row"
"""
INSERT_ID = """
    INSERT INTO ids (portal, id, origin, "row") VALUES ($1, $2, $3, $4)
    ON CONFLICT (portal, id, origin) DO NOTHING
"""
POINT_ID = """
    INSERT INTO ids (portal, id, origin, "row") VALUES ($1, $2, $3, $4)
    ON CONFLICT (portal, id, origin) DO UPDATE SET "row" = excluded."row"
"""
INSERT_DELIVERY = """
    INSERT INTO deliveries (id, "row", portal, target, event, sender, state, attempts, not_before)
    VALUES ($1, $2, $3, $4, $5, $6, 'pending', $7, $8)
    ON CONFLICT (id) DO NOTHING
"""

NAMES = 'SELECT origin, "row" FROM ids WHERE portal = $1 AND id = $2'
EVENT_NAME = 'SELECT origin, id FROM events WHERE "row" = $1'
REMOTES = """
    SELECT remote FROM deliveries WHERE "row" = $1 AND (target = 'matrix') = $2
    ORDER BY (remote <> '') DESC, seq DESC
"""
IMPORTED_AS = "SELECT event FROM imported WHERE portal = $1 AND source = $2"
IS_OURS = """
    SELECT 1 FROM deliveries WHERE portal = $1 AND remote = $2 AND remote <> '' AND (target = 'matrix') = $3
    UNION ALL
    SELECT 1 FROM deliveries WHERE id = $2 AND portal = $1 AND (target = 'matrix') = $3
"""

DUE = """
    WITH RECURSIVE lanes (portal) AS (
        SELECT min(portal) FROM deliveries WHERE target = $1 AND state IN ('pending', 'leased')
        UNION ALL
        SELECT (
            SELECT min(d.portal) FROM deliveries d
            WHERE d.target = $1 AND d.state IN ('pending', 'leased') AND d.portal > lanes.portal
        ) FROM lanes WHERE lanes.portal IS NOT NULL
    )
    SELECT h.seq FROM lanes JOIN deliveries h ON h.seq = (
        SELECT min(d.seq) FROM deliveries d
        WHERE d.target = $1 AND d.portal = lanes.portal AND d.state IN ('pending', 'leased')
    )
    WHERE (h.state = 'leased' OR h.not_before <= $2) AND NOT EXISTS (
        SELECT 1 FROM deliveries d
        WHERE d.target = $1 AND d.portal = lanes.portal AND d.state = 'leased' AND d.lease_until >= $2
    ) AND NOT EXISTS (
        SELECT 1 FROM shares s WHERE s.portal = lanes.portal AND s.owner NOT IN ('', $4)
    )
    ORDER BY h.seq LIMIT $3
"""
"""Heads of lanes that may be leased, but those of portals that another relay holds.

A skip scan, so that a long backlog costs no more than a short one.
"""
LEASE = """
    UPDATE deliveries SET state = 'leased', owner = $2, lease_until = $3, token = token + 1 WHERE seq = $1
"""
RELEASE = "UPDATE deliveries SET lease_until = 0 WHERE state = 'leased'"
"""Of an owner that is gone: what it had in flight need not wait."""
LEASED = f"SELECT {_DELIVERY} FROM deliveries d WHERE d.seq = $1"  # noqa: S608 - constants alone
STANDING = 'SELECT "row", portal, target, state, attempts, token FROM deliveries WHERE id = $1'
SETTLE = """
    UPDATE deliveries SET state = $2, remote = $3, error = $4, attempts = $5, not_before = $6, lease_until = 0
    WHERE id = $1
"""
REVIVE = """
    UPDATE deliveries SET state = 'pending', attempts = 0, not_before = 0, error = ''
    WHERE id = $1 AND state = 'wedged'
"""
DROP = "UPDATE deliveries SET state = 'dropped' WHERE id = $1 AND state <> 'sent'"

PENDING = """
    SELECT (
        SELECT count(*) FROM deliveries WHERE state IN ('pending', 'leased') AND ($1 = '' OR target = $1)
    ) + (
        SELECT count(*) FROM deliveries WHERE state = 'wedged' AND ($1 = '' OR target = $1)
    )
"""
WAITING = f"""
    SELECT {_DELIVERY} FROM deliveries d WHERE d.target = $1 AND d.portal = $2
    AND d.state IN ('pending', 'leased') AND d.state = 'pending' ORDER BY d.seq
"""  # noqa: S608 - constants alone; the first condition on state names the index
WEDGES = f"SELECT {_DELIVERY} FROM deliveries d WHERE d.state = 'wedged' ORDER BY d.seq"  # noqa: S608

TIMELINE = f"""
    {_TIMELINE} WHERE e.portal = $1 AND e."row" < $2 ORDER BY e."row" DESC LIMIT $3
"""
SINCE = f"""
    {_TIMELINE} WHERE e.portal = $1 AND e.at >= $2 AND ($3 = '' OR e.origin = $3) ORDER BY e."row"
"""

INDEX = "INSERT INTO words (rowid, text) VALUES ($1, $2)"
FORGET = "DELETE FROM words WHERE rowid = $1"


def search(join: str, match: str) -> str:
    """Give the rows that match $1 below a row ($2), of a portal ($3), $4 at most, newest first.

    Args:
        join: of ``words`` and ``events``.
        match: of ``words`` as ``w`` with $1.
    """
    return f"""
        {_SHOWN} words w {join} events e ON e."row" = w.rowid {_LATEST_DELIVERY}
        WHERE {match} AND w.rowid < $2 AND ($3 = '' OR e.portal = $3) ORDER BY w.rowid DESC LIMIT $4
    """


SAVE_IMPORTED = """
    INSERT INTO imported (portal, source, event) VALUES ($1, $2, $3)
    ON CONFLICT (portal, source) DO UPDATE SET event = excluded.event
"""
IMPORTED = "SELECT source, event FROM imported WHERE portal = $1"

LOG_HEALTH = "INSERT INTO health (health) VALUES ($1)"
HEALTH_LOG = "SELECT health FROM health ORDER BY seq DESC LIMIT $1"

GET = "SELECT value FROM facts WHERE name = $1"
PUT = (
    "INSERT INTO facts (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value"
)
REMOVE = "DELETE FROM facts WHERE name = $1"

SAVE_CONTACT = """
    INSERT INTO contacts (id, contact, photo) VALUES ($1, $2, $3)
    ON CONFLICT (id) DO UPDATE SET contact = excluded.contact, photo = excluded.photo
"""
CONTACT = "SELECT contact, photo FROM contacts WHERE id = $1"
CONTACTS = "SELECT contact, photo FROM contacts ORDER BY place"
REMOVE_CONTACT = "DELETE FROM contacts WHERE id = $1"

RELAYS = "SELECT owner, until FROM relays"
SAVE_RELAY = """
    INSERT INTO relays (owner, until) VALUES ($1, $2) ON CONFLICT (owner) DO UPDATE SET until = excluded.until
"""
REMOVE_RELAY = "DELETE FROM relays WHERE owner = $1"
ABANDON = "UPDATE deliveries SET lease_until = 0 WHERE state = 'leased' AND owner = $1"
SHARES = "SELECT s.portal, s.owner, s.token FROM shares s JOIN portals p ON p.id = s.portal ORDER BY p.place"
SAVE_SHARE = """
    INSERT INTO shares (portal, owner, token) VALUES ($1, $2, 1)
    ON CONFLICT (portal) DO UPDATE SET owner = excluded.owner, token = shares.token + 1
"""
PORTAL_IDS = "SELECT id FROM portals ORDER BY place"
