-- Recoveries of instances from a snapshot onto a new machine, where nothing else could take over. Rows are inserted by the API or by the reconciler of
-- recoveries; after that they belong to the reconciler.
CREATE TABLE recoveries (
    id {identity},
    instance_id BIGINT NOT NULL REFERENCES instances (id),
    user_id BIGINT NOT NULL REFERENCES users (id),
    state TEXT NOT NULL,
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    ended_at BIGINT,
    document TEXT NOT NULL
);
CREATE INDEX recoveries_instance ON recoveries (instance_id, id);

-- One at a time.
CREATE UNIQUE INDEX recoveries_open ON recoveries (instance_id) WHERE state = 'Running';

-- Instances of before are watched from now on as well.
INSERT INTO work_items (kind, key, due_at, fence, owner, lease_until, failures)
SELECT 'recovery', id, 0, 0, NULL, 0, 0 FROM instances WHERE deleted_at IS NULL;
