#!/usr/bin/env bash
# Journey 2: find, rent, look at, pause, resume and destroy a GPU.
# shellcheck source=../utils/setup.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../utils/setup.sh"
login

step "1. offers"
run dumont instance offers
assert_exit 0 "offers succeed"
assert_matches '^count: [1-9]' "there are offers"

step "2. offers of one GPU"
run dumont instance offers gpu_name=rtx4090 max_price=0.50
assert_exit 0 "filtered offers succeed"
assert_matches '^count: [1-9]' "there are RTX 4090 offers below \$0.50"
run dumont instance offers gpu_name=rtx4090 max_price=0.50 --query 'offers[*].gpu_name'
assert_exit 0 "the names of the GPUs can be picked"
assert_matches '4090' "the GPU is in the offers"
assert_no_match '^$|^[^4]*$' "every offer is of that GPU"

skip_destructive "the rest of the journey"

step "3. create"
offer=$(cheapest_offer)
run dumont instance create offer_id="$offer" label=test-gpu disk_size=100
assert_exit 0 "create succeeds"
assert_matches '^id: [0-9]+$' "create tells the id"
id=$(sed -n 's/^id: \([0-9]*\)$/\1/p' <<<"$output" | head -n 1)
[[ -n $id ]] || exit 1
created+=("$id")
assert_matches '^status: running$' "it runs when create returns"

step "4. list"
run dumont instance list
assert_exit 0 "list succeeds"
assert_matches "^$id +test-gpu" "the instance is in the list"

step "5. get"
run dumont instance get "$id"
assert_exit 0 "get succeeds"
for field in id status label gpu_name num_gpus gpu_ram disk_space dph_total ssh_host ssh_port; do
  assert_matches "^$field: ." "get shows $field"
done

step "6. pause"
run dumont instance pause "$id"
assert_exit 0 "pause succeeds"
assert_contains "success: true" "pause says success"
assert_contains "status: paused" "pause says paused"

step "7. resume"
run dumont instance resume "$id"
assert_exit 0 "resume succeeds"
assert_contains "success: true" "resume says success"
assert_contains "status: running" "resume says running"

step "8. delete"
run dumont instance delete "$id"
assert_exit 0 "delete succeeds"
assert_contains "success: true" "delete says success"

step "9. list again"
run dumont instance list
assert_exit 0 "list succeeds"
assert_no_match "^$id " "the instance is not in the list any more"
