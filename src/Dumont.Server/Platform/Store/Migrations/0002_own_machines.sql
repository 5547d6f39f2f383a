-- Computers of a user's own. The address belongs to the API and never changes after joining; version and document to the check. A row outlives the
-- machine: what was rented on it still asks whose it was.
CREATE TABLE own_machines (
    id {identity},
    user_id BIGINT NOT NULL REFERENCES users (id),
    name TEXT NOT NULL,
    host TEXT NOT NULL,
    port BIGINT NOT NULL,
    login TEXT NOT NULL,
    host_key TEXT NOT NULL,
    folder TEXT NOT NULL,
    instance_port BIGINT NOT NULL,
    private_key TEXT,
    uses TEXT NOT NULL,
    location TEXT,
    version BIGINT NOT NULL,
    joined_at BIGINT NOT NULL,
    removed_at BIGINT,
    document TEXT NOT NULL
);
CREATE UNIQUE INDEX own_machines_name ON own_machines (user_id, name) WHERE removed_at IS NULL;
CREATE UNIQUE INDEX own_machines_host_key ON own_machines (user_id, host_key) WHERE removed_at IS NULL;

-- The key with which the server enters a user's computers. One for each user: with a common one, whoever knows an address could join a machine
-- that somebody else has opened to the server.
CREATE TABLE own_machine_keys (
    user_id BIGINT PRIMARY KEY REFERENCES users (id),
    private_key TEXT NOT NULL,
    public_key TEXT NOT NULL
);
