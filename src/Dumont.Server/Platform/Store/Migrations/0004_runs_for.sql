-- The snapshot operation for whose time an instance that is wanted paused runs; null while it runs for none. Belongs to the reconciler of the operation.
ALTER TABLE instances ADD COLUMN runs_for BIGINT;

-- A machine does one piece of work at a time.
CREATE UNIQUE INDEX snapshot_operations_ordered ON snapshot_operations (machine_id) WHERE state = 'Running' AND machine_id IS NOT NULL;
