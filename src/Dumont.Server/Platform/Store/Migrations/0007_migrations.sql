-- Moves of instances to other machines. wish belongs to the API; everything else to the reconciler of migrations.
CREATE TABLE migrations (
    id {identity},
    instance_id BIGINT NOT NULL REFERENCES instances (id),
    user_id BIGINT NOT NULL REFERENCES users (id),
    state TEXT NOT NULL,
    wish TEXT,
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    ended_at BIGINT,
    document TEXT NOT NULL
);
CREATE INDEX migrations_instance ON migrations (instance_id, id);
CREATE INDEX migrations_user ON migrations (user_id, id);

-- One at a time, and none while the machine that an earlier one came from is still kept.
CREATE UNIQUE INDEX migrations_open ON migrations (instance_id) WHERE state IN ('Running', 'Kept');
