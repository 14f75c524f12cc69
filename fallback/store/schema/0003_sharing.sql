-- Several relays on one store: who lives, and whose portal is whose.

CREATE TABLE relays (
    owner TEXT NOT NULL PRIMARY KEY,         -- a running relay, as it calls itself in deliveries.owner
    until INTEGER NOT NULL                   -- it is dead when this has passed without a renewal
) STRICT, WITHOUT ROWID;

CREATE TABLE shares (
    portal TEXT NOT NULL PRIMARY KEY,        -- portals.id
    owner TEXT NOT NULL,                     -- relays.owner; '' for nobody
    token INTEGER NOT NULL                   -- fencing token: grows with every change of owner
) STRICT, WITHOUT ROWID;
