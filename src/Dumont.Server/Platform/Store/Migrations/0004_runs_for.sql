-- The snapshot operation for whose time an instance that is wanted paused runs; null while it runs for none. Belongs to the reconciler of the operation.
ALTER TABLE instances ADD COLUMN runs_for BIGINT;

-- Operations that had an instance run for their time said so themselves, and paused it again at their end.
UPDATE instances
SET desired = 'Paused', version = version + 1, runs_for = (
    SELECT MIN(o.id) FROM snapshot_operations o
    WHERE o.instance_id = instances.id AND o.state IN ('Pending', 'Running') AND o.document LIKE '%"pauses_again":true%')
WHERE desired = 'Running' AND EXISTS (
    SELECT 1 FROM snapshot_operations o
    WHERE o.instance_id = instances.id AND o.state IN ('Pending', 'Running') AND o.document LIKE '%"pauses_again":true%');

-- A machine does one piece of work at a time: the first that it was given, and the others after it.
UPDATE snapshot_operations SET state = 'Pending', machine_id = NULL, version = version + 1
WHERE state = 'Running' AND machine_id IS NOT NULL
    AND id NOT IN (SELECT MIN(id) FROM snapshot_operations WHERE state = 'Running' AND machine_id IS NOT NULL GROUP BY machine_id);
CREATE UNIQUE INDEX snapshot_operations_ordered ON snapshot_operations (machine_id) WHERE state = 'Running' AND machine_id IS NOT NULL;
