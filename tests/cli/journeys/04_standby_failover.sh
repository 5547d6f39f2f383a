#!/usr/bin/env bash
# Journey 4: a CPU standby that outlives its GPU.
# shellcheck source=../utils/setup.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../utils/setup.sh"
login

step "1. status"
run dumont standby status
assert_exit 0 "standby status succeeds"
assert_matches '^configured: (true|false)$' "standby status tells whether it is configured"

skip_destructive "the rest of the journey"

step "2. configure"
standby_configured=yes
run dumont standby configure enabled=true gcp_zone=europe-west1-b
assert_exit 0 "configure succeeds"
assert_contains "enabled: true" "the automatic standby is on"

step "3. create a GPU"
offer=$(cheapest_offer)
run dumont instance create offer_id="$offer" label=resilient-gpu
assert_exit 0 "create succeeds"
id=$(sed -n 's/^id: \([0-9]*\)$/\1/p' <<<"$output" | head -n 1)
[[ -n $id ]] || exit 1
created+=("$id")

step "4. associations"
run dumont standby associations
assert_exit 0 "associations succeed"
assert_matches '^count: [1-9]' "there is a pair"
assert_matches "^$id " "the GPU is in it"
eventually 120 "^$id +(ready|syncing) " "its standby comes up" dumont standby associations

step "4a. what would happen"
run dumont failover strategies
assert_exit 0 "strategies succeed"
assert_matches '^cpu_standby +yes' "the standby is supported"
run dumont failover settings set-machine "$id" health_check_interval=0.5 failover_threshold=4
assert_exit 0 "settings of one instance succeed"
assert_contains "detection_seconds: 2" "the instance is suspected after 2 s"
run dumont failover readiness "$id"
assert_exit 0 "readiness succeeds"
assert_matches '^overall_ready: (true|false)$' "readiness says whether something can take over"
run dumont failover test "$id"
assert_exit 0 "a dry run succeeds"
assert_contains "dry_run: true" "nothing was changed"

step "5. start the sync"
run dumont standby sync-start "$id"
assert_exit 0 "sync-start succeeds"
assert_matches 'success: true|sync_enabled: true' "the sync is started"

step "6. the GPU fails"
run dumont instance delete "$id" reason=gpu_failure destroy_standby=false
assert_exit 0 "delete succeeds"
assert_contains "success: true" "delete says success"

step "7. the CPU is still there"
run dumont standby status
assert_exit 0 "standby status succeeds"
assert_matches '^orphan_count: [1-9]' "the standby without its GPU is shown"
assert_contains "$id" "and it is the one of this GPU"
