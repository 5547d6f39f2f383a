# shellcheck shell=bash
# Sourced by setup.sh. Removes what the journey has made, whether it passed or not, and tells the counts.

# All that it made is named by the ids in `created`; standbys go with their instance or by their association.
teardown() {
  local status=$? id
  trap - EXIT
  if [[ ${#created[@]} -gt 0 || -n $standby_configured ]]; then
    login || true
    for id in "${created[@]}"; do
      dumont instance delete "$id" -y >/dev/null 2>&1 </dev/null || true
      dumont standby association delete "$id" -y >/dev/null 2>&1 </dev/null || true
    done
    if [[ -n $standby_configured ]]; then
      dumont standby configure enabled=false >/dev/null 2>&1 </dev/null || true
    fi
    dumont auth logout >/dev/null 2>&1 </dev/null || true
  fi
  rm -rf -- "$HOME"

  # A script that stopped halfway has failed, whatever it had counted.
  if [[ $status -ne 0 && $failed -eq 0 ]]; then
    failed=1
    printf '  FAIL  the journey stopped with code %d\n' "$status"
  fi
  printf '  %d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
  [[ $failed -eq 0 ]]
}
