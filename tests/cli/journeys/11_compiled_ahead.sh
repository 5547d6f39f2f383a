#!/usr/bin/env bash
# Journey 11: a command does not spend its life in the compiler. What still is compiled at start is counted, no time is taken.
# shellcheck source=../utils/setup.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../utils/setup.sh"

# Some wide loops and a few generic methods of the framework; without code compiled ahead there are more than 2,000.
methods_max=200

if ! grep -qw avx2 /proc/cpuinfo; then
  skip "the program is compiled ahead for processors with AVX2"
  exit 0
fi

step "1. a repository with a snapshot"
mkdir "$HOME/tree"
for i in {1..50}; do printf 'line %d\n' "$i" >"$HOME/tree/$i.txt"; done
export DUMONT_REPO=$HOME/keep DUMONT_REPO_KEY_FILE=$HOME/keep.key
run dumont repo init
assert_exit 0 "init succeeds"
run dumont repo snapshot "$HOME/tree"
assert_exit 0 "the first snapshot succeeds"

step "2. the same again, with the compiler's record"
# Without a second tier: its compiler works in the background and would write to the record after the runtime closed it,
# which now and then ends the process with a signal. Code compiled ahead is used all the same.
run env DOTNET_TieredCompilation=0 DOTNET_JitStdOutFile="$HOME/compiled" DOTNET_JitDisasmSummary=1 \
  dumont repo snapshot "$HOME/tree"
assert_exit 0 "the second snapshot succeeds"
assert_contains "50 unmodified" "nothing was read again"
assert_file "$HOME/compiled" "the compiler keeps a record"
output=$(wc -l <"$HOME/compiled") command_line="methods in the compiler's record, $methods_max allowed"
if [[ $output -le $methods_max ]]; then pass "little is compiled"; else flunk "little is compiled"; fi
