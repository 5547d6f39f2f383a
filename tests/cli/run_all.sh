#!/usr/bin/env bash
# Runs the journeys against the server at DUMONT_BASE_URL, one after another. DEBUG=1 shows every command.
# The last line is "N passed, N failed", the checks of all journeys together.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")"

passed=0
failed=0
skipped=0
for journey in journeys/*.sh; do
  name=$(basename -- "$journey" .sh)
  printf '%s\n' "$name"
  log=$(mktemp)
  status=0
  bash "$journey" 2>&1 | tee "$log" || status=$?
  if counts=$(grep -Eo '^  [0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$' "$log" | tail -n 1) && [[ -n $counts ]]; then
    read -r p _ f _ s _ <<<"$counts"
    passed=$((passed + p))
    failed=$((failed + f))
    skipped=$((skipped + s))
  elif [[ $status -ne 0 ]]; then
    failed=$((failed + 1))
  fi
  rm -f -- "$log"
done

if [[ $skipped -gt 0 ]]; then
  printf '%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
else
  printf '%d passed, %d failed\n' "$passed" "$failed"
fi
[[ $failed -eq 0 ]]
