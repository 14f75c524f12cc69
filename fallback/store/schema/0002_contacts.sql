-- People whom this profile knows.

CREATE TABLE contacts (
    place INTEGER PRIMARY KEY AUTOINCREMENT, -- order of appearance
    id TEXT NOT NULL UNIQUE,                 -- opaque: core.ids.ContactId
    contact BLOB NOT NULL,                   -- core.contacts.Contact as JSON, without its photo
    photo BLOB NOT NULL                      -- its picture; empty for none
) STRICT;
