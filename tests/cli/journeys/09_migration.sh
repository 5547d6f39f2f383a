#!/usr/bin/env bash
# Journey 9: from a GPU to a CPU machine and back, at the same address.
# shellcheck source=../utils/setup.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../utils/setup.sh"
login

step "0. bad input"
run dumont instance migrate 999999 estimate target_type=cpu
assert_contains "There is no instance 999999" "an instance that is not there is refused"

skip_destructive "the rest of the journey"

step "1. create a GPU"
offer=$(cheapest_offer)
run dumont instance create offer_id="$offer" label=migrate-test disk_size=20
assert_exit 0 "create succeeds"
id=$(sed -n 's/^id: \([0-9]*\)$/\1/p' <<<"$output" | head -n 1)
[[ -n $id ]] || exit 1
created+=("$id")
address=$(dumont instance get "$id" -o json | sed -n 's/.*"ssh_port": *\([0-9]*\).*/\1/p')

step "2. work"
run dumont ssh "$id" -- 'echo "step 1200" > /workspace/progress.txt'
assert_exit 0 "a file is written"

step "3. estimate"
run dumont instance migrate "$id" estimate target_type=cpu
assert_exit 0 "the estimate succeeds"
assert_matches '^available: true' "there is somewhere to go"
assert_matches '^estimated_time: ' "it says how long it takes"
assert_matches '^estimated_cost: ' "and what it costs"
run dumont instance migrations "$id" -o json
assert_contains '"count": 0' "nothing has been moved by that"

step "4. to a CPU machine"
run dumont instance migrate "$id" target_type=cpu
assert_exit 0 "the move succeeds"
assert_matches "^new_instance_id: $id" "the instance stays the same"

step "5. it is on a CPU machine"
run dumont instance get "$id" -o json
assert_contains '"provider": "gcp"' "another provider has it now"
assert_contains "\"ssh_port\": $address" "its address is the same"
run dumont ssh "$id" -- 'cat /workspace/progress.txt'
assert_contains "step 1200" "the file is there"

step "6. back to a GPU"
run dumont instance migrate "$id" target_type=gpu gpu_name=rtx4090
assert_exit 0 "the move succeeds"
assert_matches "^new_instance_id: $id" "the instance stays the same"

step "7. it is on a GPU, with the data"
run dumont instance list
assert_matches "^$id .*RTX 4090" "the list shows the GPU"
run dumont ssh "$id" -- 'cat /workspace/progress.txt'
assert_contains "step 1200" "the file is there"
run dumont instance migrations "$id"
assert_matches '^count: 2' "both moves are remembered"
