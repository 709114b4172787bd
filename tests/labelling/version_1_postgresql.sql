CREATE TABLE loupe_batches (
	id VARCHAR(64) NOT NULL,
	round VARCHAR(200) NOT NULL,
	kind VARCHAR(40) NOT NULL,
	votes_per_pair INTEGER NOT NULL,
	question TEXT NOT NULL,
	PRIMARY KEY (id)
);
CREATE TABLE loupe_pictures (
	sha256 VARCHAR(64) NOT NULL,
	png BYTEA NOT NULL,
	PRIMARY KEY (sha256)
);
CREATE TABLE loupe_schema (
	version INTEGER NOT NULL
);
CREATE TABLE loupe_pairs (
	key VARCHAR(64) NOT NULL,
	low VARCHAR(64) NOT NULL,
	high VARCHAR(64) NOT NULL,
	PRIMARY KEY (key),
	FOREIGN KEY(low) REFERENCES loupe_pictures (sha256),
	FOREIGN KEY(high) REFERENCES loupe_pictures (sha256)
);
CREATE TABLE loupe_rounds (
	round VARCHAR(200) NOT NULL,
	batch VARCHAR(64) NOT NULL,
	PRIMARY KEY (round),
	FOREIGN KEY(batch) REFERENCES loupe_batches (id)
);
CREATE TABLE loupe_batch_pairs (
	batch VARCHAR(64) NOT NULL,
	position INTEGER NOT NULL,
	pair VARCHAR(64) NOT NULL,
	PRIMARY KEY (batch, position),
	UNIQUE (batch, pair),
	FOREIGN KEY(batch) REFERENCES loupe_batches (id),
	FOREIGN KEY(pair) REFERENCES loupe_pairs (key)
);
CREATE TABLE loupe_votes (
	seq SERIAL NOT NULL,
	id VARCHAR(200) NOT NULL,
	pair VARCHAR(64) NOT NULL,
	observer VARCHAR(200) NOT NULL,
	kind VARCHAR(40) NOT NULL,
	preferred VARCHAR(64) NOT NULL,
	"left" VARCHAR(64) NOT NULL,
	round VARCHAR(200) NOT NULL,
	seconds FLOAT(53),
	made_at VARCHAR(40) NOT NULL,
	batch VARCHAR(64),
	PRIMARY KEY (seq),
	UNIQUE (id),
	FOREIGN KEY(pair) REFERENCES loupe_pairs (key),
	FOREIGN KEY("left") REFERENCES loupe_pictures (sha256),
	FOREIGN KEY(batch) REFERENCES loupe_batches (id)
);
CREATE INDEX loupe_votes_by_observer ON loupe_votes (observer, seq);
CREATE INDEX loupe_votes_by_pair ON loupe_votes (pair, kind, observer);
CREATE TABLE loupe_retractions (
	vote VARCHAR(200) NOT NULL,
	at VARCHAR(40) NOT NULL,
	PRIMARY KEY (vote),
	FOREIGN KEY(vote) REFERENCES loupe_votes (id)
);
