-- How the failover of one instance works, where it differs from its user's settings. No row: nothing differs. Belongs to the API.
CREATE TABLE failover_settings (
    instance_id BIGINT PRIMARY KEY,
    user_id BIGINT NOT NULL REFERENCES users (id),
    document TEXT NOT NULL
);
CREATE INDEX failover_settings_user ON failover_settings (user_id);
