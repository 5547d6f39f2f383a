-- Instants are Unix milliseconds, flags 0 or 1, documents JSON of the feature's own record. {identity} is the dialect's auto-number.

CREATE TABLE server_values (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
);

-- One row for each thing that a reconciler looks after. fence grows at each claim; a guarded write carries the fence it was claimed with.
CREATE TABLE work_items (
    kind TEXT NOT NULL,
    key BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    fence BIGINT NOT NULL,
    owner TEXT,
    lease_until BIGINT NOT NULL,
    failures BIGINT NOT NULL,
    PRIMARY KEY (kind, key)
);
CREATE INDEX work_items_due ON work_items (due_at);

CREATE TABLE users (
    id {identity},
    email TEXT NOT NULL UNIQUE,
    username TEXT UNIQUE,
    name TEXT,
    password_hash TEXT NOT NULL,
    role TEXT NOT NULL,
    settings TEXT NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE sessions (
    id TEXT PRIMARY KEY,
    user_id BIGINT NOT NULL REFERENCES users (id),
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    revoked_at BIGINT
);
CREATE INDEX sessions_revoked ON sessions (revoked_at);

-- A refresh token is used once; a second use revokes the session it belongs to.
CREATE TABLE refresh_tokens (
    hash TEXT PRIMARY KEY,
    session_id TEXT NOT NULL REFERENCES sessions (id),
    expires_at BIGINT NOT NULL,
    used_at BIGINT
);

CREATE TABLE api_keys (
    id {identity},
    user_id BIGINT NOT NULL REFERENCES users (id),
    name TEXT NOT NULL,
    prefix TEXT NOT NULL,
    hash TEXT NOT NULL UNIQUE,
    scopes TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    last_used_at BIGINT,
    revoked_at BIGINT
);

-- Secrets of a user, encrypted; the name, user and kind are authenticated with the text.
CREATE TABLE user_secrets (
    user_id BIGINT NOT NULL REFERENCES users (id),
    name TEXT NOT NULL,
    ciphertext TEXT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (user_id, name)
);

CREATE TABLE ssh_keys (
    id {identity},
    user_id BIGINT NOT NULL REFERENCES users (id),
    name TEXT NOT NULL,
    public_key TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    UNIQUE (user_id, fingerprint)
);

-- desired belongs to the API; status and document to the instance reconciler; generation and writer_machine_id move together, by
-- compare-and-set on generation.
CREATE TABLE instances (
    id {identity},
    user_id BIGINT NOT NULL REFERENCES users (id),
    label TEXT NOT NULL,
    desired TEXT NOT NULL,
    status TEXT NOT NULL,
    generation BIGINT NOT NULL,
    writer_machine_id BIGINT,
    gateway_port BIGINT NOT NULL,
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    deleted_at BIGINT,
    delete_reason TEXT,
    document TEXT NOT NULL
);
CREATE INDEX instances_user ON instances (user_id, deleted_at);
CREATE UNIQUE INDEX instances_gateway_port ON instances (gateway_port) WHERE deleted_at IS NULL;

CREATE TABLE instance_keys (
    instance_id BIGINT PRIMARY KEY,
    host_key TEXT NOT NULL,
    host_public_key TEXT NOT NULL,
    sync_key TEXT NOT NULL,
    sync_public_key TEXT NOT NULL
);

-- The row is the intent: it exists, with the tag that the machine will carry, before the provider is asked. desired belongs to the
-- reconcilers above, phase and document to the machine reconciler.
CREATE TABLE machines (
    id {identity},
    instance_id BIGINT NOT NULL REFERENCES instances (id),
    user_id BIGINT NOT NULL REFERENCES users (id),
    role TEXT NOT NULL,
    ordinal BIGINT NOT NULL,
    tag TEXT NOT NULL UNIQUE,
    provider TEXT NOT NULL,
    account BIGINT NOT NULL,
    offer_id TEXT NOT NULL,
    exclusive_offer BIGINT NOT NULL,
    provider_machine_id TEXT,
    desired TEXT NOT NULL,
    phase TEXT NOT NULL,
    token_hash TEXT NOT NULL,
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    document TEXT NOT NULL,
    UNIQUE (instance_id, ordinal)
);
CREATE INDEX machines_phase ON machines (phase);
CREATE UNIQUE INDEX machines_token ON machines (token_hash);
-- An offer that names one slice of one host is bought once at a time; a zone's machine type any number of times.
CREATE UNIQUE INDEX machines_offer ON machines (provider, offer_id)
    WHERE exclusive_offer = 1 AND phase NOT IN ('Gone', 'Failed', 'Releasing');

CREATE TABLE host_attempts (
    id {identity},
    provider TEXT NOT NULL,
    host_machine_id BIGINT NOT NULL,
    gpu_name TEXT,
    succeeded BIGINT NOT NULL,
    stage TEXT NOT NULL,
    reason TEXT NOT NULL,
    at BIGINT NOT NULL
);
CREATE INDEX host_attempts_host ON host_attempts (provider, host_machine_id, at);

CREATE TABLE host_blacklist (
    provider TEXT NOT NULL,
    host_machine_id BIGINT NOT NULL,
    user_id BIGINT NOT NULL,
    reason TEXT NOT NULL,
    added_at BIGINT NOT NULL,
    expires_at BIGINT,
    PRIMARY KEY (provider, host_machine_id, user_id)
);

CREATE TABLE associations (
    instance_id BIGINT PRIMARY KEY REFERENCES instances (id),
    user_id BIGINT NOT NULL REFERENCES users (id),
    standby_machine_id BIGINT,
    sync_enabled BIGINT NOT NULL,
    released BIGINT NOT NULL,
    failover_requested TEXT,
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    document TEXT NOT NULL
);
CREATE INDEX associations_user ON associations (user_id, released);

CREATE TABLE failovers (
    id TEXT PRIMARY KEY,
    instance_id BIGINT NOT NULL REFERENCES instances (id),
    user_id BIGINT NOT NULL REFERENCES users (id),
    started_at BIGINT NOT NULL,
    completed_at BIGINT,
    phase TEXT NOT NULL,
    document TEXT NOT NULL
);
CREATE INDEX failovers_user ON failovers (user_id, started_at);
CREATE INDEX failovers_instance ON failovers (instance_id, started_at);

CREATE TABLE events (
    id {identity},
    at BIGINT NOT NULL,
    user_id BIGINT NOT NULL,
    instance_id BIGINT,
    type TEXT NOT NULL,
    message TEXT NOT NULL,
    document TEXT NOT NULL
);
CREATE INDEX events_user ON events (user_id, id);
CREATE INDEX events_instance ON events (instance_id, id);

-- What a repeated request with the same Idempotency-Key is answered.
CREATE TABLE idempotency_keys (
    user_id BIGINT NOT NULL,
    key TEXT NOT NULL,
    request_hash TEXT NOT NULL,
    status BIGINT,
    response TEXT,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (user_id, key)
);
