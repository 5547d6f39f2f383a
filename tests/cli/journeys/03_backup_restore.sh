#!/usr/bin/env bash
# Journey 3: keep the work of a GPU, destroy it, and have the work back on another one.
# shellcheck source=../utils/setup.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../utils/setup.sh"
login

skip_destructive "the journey"

step "1. create a GPU"
offer=$(cheapest_offer)
run dumont instance create offer_id="$offer" label=backup-test
assert_exit 0 "create succeeds"
id=$(sed -n 's/^id: \([0-9]*\)$/\1/p' <<<"$output" | head -n 1)
[[ -n $id ]] || exit 1
created+=("$id")
run dumont ssh "$id" -- 'mkdir -p /workspace/run && echo "epoch 7" > /workspace/run/progress.txt && head -c 2000000 /dev/urandom > /workspace/run/weights.bin && md5sum /workspace/run/weights.bin'
assert_exit 0 "work is done on it"
sum=$(grep -Eo '^[0-9a-f]{32}' <<<"$output" | head -n 1)

step "2. sync"
run dumont instance sync "$id"
assert_exit 0 "sync succeeds"
assert_matches '^snapshot_id: snap-[0-9]+$' "sync tells the snapshot"
assert_matches '^status: completed$' "sync is complete"

step "3. create a snapshot"
run dumont snapshot create backup-v1 "$id"
assert_exit 0 "snapshot create succeeds"
assert_matches '^id: snap-[0-9]+$' "snapshot create tells the id"
assert_matches '^is_incremental: true$' "it builds on the sync"
snapshot=$(sed -n 's/^id: \(snap-[0-9]*\)$/\1/p' <<<"$output" | head -n 1)
[[ -n $snapshot ]] || exit 1

step "4. list"
run dumont snapshot list
assert_exit 0 "snapshot list succeeds"
assert_matches "^$snapshot +backup-v1 " "backup-v1 is in the list"

step "5. delete the GPU"
run dumont instance delete "$id"
assert_exit 0 "delete succeeds"
assert_contains "success: true" "delete says success"

step "6. restore to a new GPU"
run dumont snapshot restore "$snapshot" gpu_name=rtx4090
assert_exit 0 "restore succeeds"
assert_matches '^new_instance_id: [0-9]+$' "restore tells the new instance"
new=$(sed -n 's/^new_instance_id: \([0-9]*\)$/\1/p' <<<"$output" | head -n 1)
[[ -n $new ]] || exit 1
created+=("$new")
assert_matches '^files_restored: [1-9]' "files were restored"

step "7. list"
run dumont instance list
assert_exit 0 "instance list succeeds"
assert_matches "^$new +.*running" "the new instance is active"
run dumont ssh "$new" -- 'cat /workspace/run/progress.txt; md5sum /workspace/run/weights.bin'
assert_contains "epoch 7" "the work is there"
assert_contains "$sum" "and every byte of it"

step "8. delete the snapshot"
run dumont snapshot delete "$snapshot"
assert_exit 0 "snapshot delete succeeds"
assert_contains "success: true" "snapshot delete says success"
run dumont snapshot list
assert_no_match "^$snapshot " "it is not in the list any more"
