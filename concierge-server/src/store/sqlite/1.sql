-- Texts are JSON or names, moments are microseconds since 1970.

CREATE TABLE definition (
  name TEXT PRIMARY KEY,
  source TEXT NOT NULL,
  version INTEGER NOT NULL,
  epoch TEXT,
  definition TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE session (
  id BLOB PRIMARY KEY,
  token BLOB NOT NULL,
  user TEXT,
  host TEXT,
  grants TEXT NOT NULL,
  expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE subscription (
  session BLOB NOT NULL,
  id INTEGER NOT NULL,
  event TEXT NOT NULL,
  filters TEXT NOT NULL,
  lazy INTEGER NOT NULL,
  since_epoch TEXT NOT NULL,
  since_offset INTEGER NOT NULL,
  PRIMARY KEY (session, id)
) STRICT, WITHOUT ROWID;

-- How far each log goes. `trimmed`: everything up to there is gone. `bytes`: what its events cost. `gone`: how many of them expired before
-- an older one, so that only their places are left.
CREATE TABLE log (
  number INTEGER PRIMARY KEY,
  event TEXT NOT NULL,
  epoch TEXT NOT NULL,
  last INTEGER NOT NULL,
  trimmed INTEGER NOT NULL DEFAULT 0,
  bytes INTEGER NOT NULL,
  gone INTEGER NOT NULL DEFAULT 0,
  UNIQUE (event, epoch)
) STRICT;

-- The events of all logs, in the order in which they came. What is small comes first, so that who counts does not read the rest.
CREATE TABLE event (
  place INTEGER PRIMARY KEY,
  log INTEGER NOT NULL,
  "offset" INTEGER NOT NULL,
  bytes INTEGER NOT NULL,
  expires INTEGER NOT NULL,
  is_gone INTEGER NOT NULL DEFAULT 0,
  published INTEGER NOT NULL,
  is_publishers INTEGER NOT NULL,
  id TEXT NOT NULL,
  meta TEXT NOT NULL,
  data TEXT NOT NULL,
  previous TEXT,
  UNIQUE (log, "offset")
) STRICT;

CREATE INDEX event_by_expiry ON event (expires) WHERE is_gone = 0;

-- Ids that publishers chose, which may come again within two minutes.
CREATE TABLE publisher_id (
  place INTEGER PRIMARY KEY,
  log INTEGER NOT NULL,
  "offset" INTEGER NOT NULL,
  published INTEGER NOT NULL,
  id TEXT NOT NULL
) STRICT;
