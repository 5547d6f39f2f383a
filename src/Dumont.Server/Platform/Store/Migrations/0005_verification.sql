-- A repository is verified by one at a time. What was under way is asked for again.
UPDATE snapshot_operations SET state = 'Cancelled', version = version + 1 WHERE kind = 'Verify' AND state IN ('Pending', 'Running');
CREATE UNIQUE INDEX snapshot_operations_verify ON snapshot_operations (repository_id) WHERE kind = 'Verify' AND state IN ('Pending', 'Running');

-- What the checks of a repository have found so far. Belongs to the reconciler of the operation.
CREATE TABLE repository_checks (
    repository_id BIGINT PRIMARY KEY REFERENCES repositories (id),
    document TEXT NOT NULL
);

-- In how many days all of a user's repositories are read once. No row: the server's default.
CREATE TABLE verification_settings (
    user_id BIGINT PRIMARY KEY REFERENCES users (id),
    days BIGINT NOT NULL
);
