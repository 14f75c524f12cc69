-- The first schema.  Upgrades are never edited once released: a change is the next number.
-- Times are ms since the epoch, UTC; '' stands for "none".

CREATE TABLE portals (
    place INTEGER PRIMARY KEY AUTOINCREMENT, -- order of appearance
    id TEXT NOT NULL UNIQUE,                 -- our own name of the portal
    portal BLOB NOT NULL                     -- core.ports.Portal as JSON
) STRICT;

CREATE TABLE events (
    "row" INTEGER PRIMARY KEY AUTOINCREMENT, -- order of the timeline
    portal TEXT NOT NULL,                    -- portals.id
    origin TEXT NOT NULL,                    -- where it was born: core.events.Origin
    id TEXT NOT NULL,                        -- its id there
    at INTEGER NOT NULL,                     -- when, by the sender's network
    event BLOB NOT NULL                      -- core.events as JSON
) STRICT;

CREATE INDEX events_timeline ON events (portal, "row");
CREATE INDEX events_time ON events (portal, at);

-- What each side calls an event: the id it was born with, its aliases, what a sent delivery is called over there.
CREATE TABLE ids (
    portal TEXT NOT NULL,                    -- portals.id
    id TEXT NOT NULL,                        -- the name
    origin TEXT NOT NULL,                    -- whose name it is: core.events.Origin
    "row" INTEGER NOT NULL REFERENCES events ("row"), -- the event
    PRIMARY KEY (portal, id, origin)
) STRICT, WITHOUT ROWID;

CREATE TABLE deliveries (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,   -- place in its lane
    id TEXT NOT NULL UNIQUE,                 -- also the Matrix transaction id
    "row" INTEGER NOT NULL REFERENCES events ("row"), -- what it carries
    portal TEXT NOT NULL,                    -- portals.id; with target it is the lane
    target TEXT NOT NULL,                    -- 'matrix' or a connector's name
    event BLOB NOT NULL,                     -- what is said over there: core.events as JSON
    sender TEXT NOT NULL,                    -- the ghost that speaks; '' for our own account
    state TEXT NOT NULL,                     -- core.outbox.State
    attempts INTEGER NOT NULL,               -- tries that failed
    not_before INTEGER NOT NULL,             -- the lane waits until then
    remote TEXT NOT NULL DEFAULT '',         -- what the target calls it; '' until it is sent
    error TEXT NOT NULL DEFAULT '',          -- of the last try
    token INTEGER NOT NULL DEFAULT 0,        -- fencing token of the last lease
    owner TEXT NOT NULL DEFAULT '',          -- who leased it last
    lease_until INTEGER NOT NULL DEFAULT 0   -- end of the lease
) STRICT;

CREATE INDEX deliveries_row ON deliveries ("row");
CREATE INDEX deliveries_remote ON deliveries (portal, remote) WHERE remote <> '';
CREATE INDEX deliveries_open ON deliveries (target, portal, seq) WHERE state IN ('pending', 'leased');
CREATE INDEX deliveries_leased ON deliveries (target, portal) WHERE state = 'leased';
CREATE INDEX deliveries_wedged ON deliveries (seq) WHERE state = 'wedged';

CREATE TABLE imported (
    portal TEXT NOT NULL,                    -- portals.id
    source TEXT NOT NULL,                    -- the export's stable key
    event TEXT NOT NULL,                     -- the Matrix event that a migration made of it
    PRIMARY KEY (portal, source)
) STRICT, WITHOUT ROWID;

CREATE TABLE health (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,   -- order of the verdicts
    health BLOB NOT NULL                     -- core.health.Health as JSON
) STRICT;

CREATE TABLE facts (
    name TEXT NOT NULL PRIMARY KEY,          -- sync_token, account, outage…
    value TEXT NOT NULL                      -- as its reader wrote it
) STRICT, WITHOUT ROWID;

-- Folded words by events.row; the text itself stays in events.
CREATE VIRTUAL TABLE words USING fts5 (
    text,
    content = '',
    contentless_delete = 1,
    tokenize = 'unicode61 remove_diacritics 0'
);
