-- What runs on the machine that writes for an instance: services that are kept running, and hooks. No row: nothing. Belongs to the API, but for
-- told_hook, the highest number of a hook whose end was told, which belongs to the instance's reconciler.
CREATE TABLE instance_services (
    instance_id BIGINT PRIMARY KEY,
    user_id BIGINT NOT NULL REFERENCES users (id),
    document TEXT NOT NULL,
    told_hook BIGINT NOT NULL DEFAULT 0
);
