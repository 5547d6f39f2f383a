#!/usr/bin/env bash
# Journey 10: is everything well?
# shellcheck source=../utils/setup.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../utils/setup.sh"
login

step "1. health"
run dumont health list
assert_exit 0 "health succeeds"
assert_contains "status: healthy" "the server is healthy"

step "2. instances"
run dumont instance list
assert_exit 0 "list succeeds"
assert_matches '^count: [0-9]+' "list tells how many"

step "3. market"
run dumont metrics market
assert_exit 0 "market succeeds"
assert_matches '^count: [1-9]' "there is market data"

step "4. efficiency"
run dumont metrics efficiency
assert_exit 0 "efficiency succeeds"
assert_matches '^count: [1-9]' "GPUs are ranked by efficiency"

step "5. providers"
run dumont metrics providers
assert_exit 0 "providers succeed"
assert_matches '^count: [1-9]' "providers are ranked"

step "6. agents"
run dumont agent status
assert_exit 0 "agent status succeeds"
assert_matches '^status: ' "the agents' health is told"
