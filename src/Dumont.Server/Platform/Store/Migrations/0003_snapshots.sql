-- Where snapshots of a user are: one row for each engine and place. storage and its keys are encrypted. A row outlives the settings that made it: what
-- was kept there is still found.
CREATE TABLE repositories (
    id {identity},
    user_id BIGINT NOT NULL REFERENCES users (id),
    engine TEXT NOT NULL,
    location TEXT NOT NULL,
    storage TEXT NOT NULL,
    is_ready BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    UNIQUE (user_id, engine, location)
);

-- name, keep_forever and deleted_at belong to the API; status and document to the reconciler of the operation that makes it.
CREATE TABLE snapshots (
    id {identity},
    user_id BIGINT NOT NULL REFERENCES users (id),
    instance_id BIGINT NOT NULL,
    repository_id BIGINT NOT NULL REFERENCES repositories (id),
    name TEXT NOT NULL,
    status TEXT NOT NULL,
    keep_forever BIGINT NOT NULL,
    is_sync BIGINT NOT NULL,
    engine_snapshot_id TEXT,
    created_at BIGINT NOT NULL,
    deleted_at BIGINT,
    document TEXT NOT NULL
);
CREATE INDEX snapshots_user ON snapshots (user_id, deleted_at, id);
CREATE INDEX snapshots_instance ON snapshots (instance_id, id);

-- The row is the intent: it exists before anything is asked of a machine or a store.
CREATE TABLE snapshot_operations (
    id {identity},
    user_id BIGINT NOT NULL REFERENCES users (id),
    kind TEXT NOT NULL,
    state TEXT NOT NULL,
    repository_id BIGINT NOT NULL REFERENCES repositories (id),
    snapshot_id BIGINT,
    instance_id BIGINT,
    machine_id BIGINT,
    cancel_requested BIGINT NOT NULL,
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    finished_at BIGINT,
    document TEXT NOT NULL
);
CREATE INDEX snapshot_operations_user ON snapshot_operations (user_id, id);
CREATE INDEX snapshot_operations_machine ON snapshot_operations (machine_id, state);
CREATE INDEX snapshot_operations_snapshot ON snapshot_operations (snapshot_id, kind);
-- A repository is pruned by one at a time.
CREATE UNIQUE INDEX snapshot_operations_prune ON snapshot_operations (repository_id) WHERE kind = 'Prune' AND state IN ('Pending', 'Running');

-- Which snapshots are kept. instance_id 0: of all instances of the user that have no rule of their own.
CREATE TABLE snapshot_policies (
    user_id BIGINT NOT NULL REFERENCES users (id),
    instance_id BIGINT NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (user_id, instance_id)
);

CREATE TABLE snapshot_schedules (
    instance_id BIGINT PRIMARY KEY,
    user_id BIGINT NOT NULL REFERENCES users (id),
    next_at BIGINT NOT NULL,
    last_operation_id BIGINT,
    document TEXT NOT NULL
);
