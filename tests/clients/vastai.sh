#!/usr/bin/env bash
# Drives the official Vast.ai command line, unmodified, against a local cloud of its own. DEBUG=1 shows every command.
# The client is `vastai` on the path, or the command line in DUMONT_VASTAI; without it nothing is checked and the exit code is 0.
# The last line is "N passed, N failed".
set -euo pipefail

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
DEBUG=${DEBUG:-}
# shellcheck source=../cli/utils/assertions.sh
source "$here/../cli/utils/assertions.sh"

read -ra vastai <<<"${DUMONT_VASTAI:-vastai}"
if ! command -v "${vastai[0]}" >/dev/null; then
  printf '  skip  vastai: %s is not on the path and DUMONT_VASTAI does not name it\n0 passed, 0 failed, 1 skipped\n' "${vastai[0]}"
  exit 0
fi

program=$here/../../artifacts/bin/Dumont.LocalCloud/release/dumont-localcloud.dll
if [[ ! -f $program ]]; then
  printf '  FAIL  the local cloud is not built: %s\n0 passed, 1 failed\n' "$program"
  exit 1
fi

work=$(mktemp -d)
cloud=

finish() {
  local status=$?
  trap - EXIT
  if [[ -n $cloud ]]; then
    kill -TERM "$cloud" 2>/dev/null || true
    wait "$cloud" 2>/dev/null || true
  fi
  rm -rf -- "$work"
  if [[ $status -ne 0 ]]; then
    # The script itself broke off; what came before is counted all the same.
    failed=$((failed + 1))
  fi
  if [[ $skipped -gt 0 ]]; then
    printf '%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
  else
    printf '%d passed, %d failed\n' "$passed" "$failed"
  fi
  [[ $failed -eq 0 ]] || exit 1
}
trap finish EXIT

start_cloud() {
  dotnet "$program" --port 0 --data "$work/data" --boot-delay-ms 100 >"$work/ready" 2>"$work/log" &
  cloud=$!
  local deadline=$((SECONDS + 60))
  until grep -q 'ready on' "$work/ready"; do
    if ! kill -0 "$cloud" 2>/dev/null || ((SECONDS >= deadline)); then
      cat "$work/log"
      exit 1
    fi
    sleep 0.1
  done
}

# json EXPRESSION: what a Python expression over the JSON in $output, called d, gives.
json() {
  python3 -c 'import json, sys; d = json.load(sys.stdin); print(eval(sys.argv[1]))' "$1" <<<"$output" 2>&1 || true
}

assert_json() { # EXPRESSION NAME: it is true
  local value
  value=$(json "$1")
  if [[ $value == True ]]; then pass "$2"; else flunk "$2: $1 gives $value"; fi
}

vast() {
  run "${vastai[@]}" "$@"
}

# The client puts warnings on standard error; only the document counts.
vast_raw() {
  run bash -c 'exec "$@" 2>/dev/null' - "${vastai[@]}" "$@" --raw
}

step() {
  printf '  %s\n' "$1"
}

# until_status ID STATUS
until_status() {
  eventually 30 "\"actual_status\": \"$2\"" "instance $1 is $2" "${vastai[@]}" show instance "$1" --raw
}

control() { # METHOD PATH BODY
  run python3 -c '
import sys, urllib.request
request = urllib.request.Request(sys.argv[1], sys.argv[3].encode() or None, {"Content-Type": "application/json"}, method=sys.argv[2])
print(urllib.request.urlopen(request).read().decode())' "$VAST_URL$2" "$1" "${3:-}"
}

start_cloud
HOME=$work
VAST_URL=$(sed 's/.* on //' "$work/ready")
VAST_API_KEY=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["vast_api_key"])' "$work/data/account.json")
VASTAI_NO_UPDATE_CHECK=1
# Wide enough that no column of a table is cut.
LC_ALL=C.UTF-8 NO_COLOR=1 COLUMNS=250
export HOME VAST_URL VAST_API_KEY VASTAI_NO_UPDATE_CHECK LC_ALL NO_COLOR COLUMNS
ssh-keygen -q -t ed25519 -N '' -f "$work/key"
ssh_options=(-i "$work/key" -o IdentitiesOnly=yes -o BatchMode=yes -o StrictHostKeyChecking=accept-new -o "UserKnownHostsFile=$work/known_hosts" -o ConnectTimeout=5)

# on ID COMMAND: through the address that the client gives.
on() {
  local url
  url=$("${vastai[@]}" ssh-url "$1")
  url=${url#ssh://}
  run ssh "${ssh_options[@]}" -p "${url##*:}" "${url%:*}" "$2"
}

step "account and keys"
vast create ssh-key "$(cat "$work/key.pub")"
assert_exit 0 "an ssh key is added"
vast_raw show ssh-keys
assert_json "len(d) == 1 and d[0]['public_key'].startswith('ssh-ed25519')" "it is listed"
vast_raw show user
assert_json "d['credit'] == 1000" "the account has its credit"

step "search offers"
while IFS='|' read -r query predicate; do
  vast_raw search offers -n "$query" --limit 64
  assert_json "len(d) > 0 and all($predicate for o in d)" "offers with $query"
done <<'QUERIES'
gpu_name=RTX_4090|o['gpu_name'] == 'RTX 4090'
gpu_name in [RTX_3090,RTX_4090]|o['gpu_name'] in ('RTX 3090', 'RTX 4090')
gpu_name notin [RTX_3090,RTX_4090]|o['gpu_name'] not in ('RTX 3090', 'RTX 4090')
num_gpus=2|o['num_gpus'] == 2
num_gpus>=4 num_gpus<8|4 <= o['num_gpus'] < 8
dph_total<0.5|o['dph_total'] < 0.5
gpu_ram>=40|o['gpu_ram'] >= 40000
cpu_ram>100|o['cpu_ram'] > 100000
reliability>0.99|o['reliability'] > 0.99
inet_down>1000|o['inet_down'] > 1000
disk_space>=500|o['disk_space'] >= 500
geolocation in [DE,FR]|o['geolocation'][-2:] in ('DE', 'FR')
verified=false|o['verification'] != 'verified'
datacenter=true|o['hosting_type'] == 1
duration>30|o['duration'] > 30 * 86400
compute_cap>=890|o['compute_cap'] >= 890
driver_version>=560.00.00|o['driver_vers'] >= 560000000
cuda_vers>=12.6|o['cuda_max_good'] >= 12.6
static_ip=true direct_port_count>100|o['static_ip'] and o['direct_port_count'] > 100
num_gpus!=1 rentable=true|o['num_gpus'] != 1 and o['rentable']
QUERIES
vast_raw search offers 'gpu_name=RTX_4090 num_gpus=1' -o 'dph_total' --limit 5
assert_json "len(d) == 5 and [o['dph_total'] for o in d] == sorted(o['dph_total'] for o in d)" "offers in order, as many as asked for"
offer=$(json "d[0]['id']")
vast_raw search offers 'gpu_name=RTX_4090 num_gpus=1' --type bid -o 'dph_total' --limit 1
assert_json "d[0]['is_bid'] and d[0]['dph_base'] == d[0]['min_bid']" "offers for bids show the lowest bid"
vast search offers 'gpu_name=RTX_4090' --limit 3
assert_contains RTX_4090 "offers as a table"
vast search offers 'colour=blue'
assert_contains "colour" "a query with an unknown field names it"
vast --api-key wrong show instances
assert_contains "Invalid user key" "a wrong key is refused"

step "create and show"
vast_raw create instance "$offer" --image ubuntu:22.04 --disk 16 --ssh --direct --label first --env '-e COLOUR=green -p 8080:8080' --onstart-cmd 'echo it has begun'
assert_json "d['success']" "an instance is created"
first=$(json "d['new_contract']")
until_status "$first" running
vast_raw show instance "$first"
assert_json "d['label'] == 'first' and d['ports']['8080/tcp'][0]['HostPort'] and d['extra_env']['COLOUR'] == 'green'" "it shows what was asked for"
vast show instances
assert_contains "$first" "it is in the table of instances"
vast_raw show instances
assert_json "[i['id'] for i in d] == [$first]" "and in the list"
vast_raw show instances-v1 --label first
assert_json "[i['id'] for i in (d if isinstance(d, list) else d['instances'])] == [$first]" "and in the paged list"
vast ssh-url "$first"
assert_matches '^ssh://root@[0-9.]+:[0-9]+$' "its ssh-url"
on "$first" "echo \"\$COLOUR \$CONTAINER_ID\""
assert_contains "green $first" "a login by ssh, with its variables"
eventually 30 'it has begun' "its log" "${vastai[@]}" logs "$first"
vast create instance "$offer" --image ubuntu:22.04 --disk 16 --ssh --cancel-unavail
assert_contains "no longer available" "the same offer again is refused"
vast create instance 1 --image ubuntu:22.04
assert_contains "not available" "an offer that never was is refused"

step "label, stop, start, reboot, recycle"
vast label instance "$first" renamed
assert_contains renamed "the label is set"
on "$first" 'echo kept > /workspace/a'
vast stop instance "$first"
assert_contains "stopping instance" "it is stopped"
until_status "$first" exited
vast start instance "$first"
assert_contains "starting instance" "it is started"
until_status "$first" running
on "$first" 'cat /workspace/a'
assert_contains kept "its disk survives"
vast reboot instance "$first"
assert_contains "Rebooting" "it is rebooted"
until_status "$first" running
vast_raw show instance "$first"
assert_json "d['label'] == 'renamed'" "the label stays"
vast recycle instance "$first"
assert_contains "Recycling" "it is recycled"

step "bids"
vast_raw search offers 'gpu_name=RTX_3090 num_gpus=1' --type bid -o 'dph_total' --limit 1
bid_offer=$(json "d[0]['id']")
lowest=$(json "d[0]['min_bid']")
vast_raw create instance "$bid_offer" --image ubuntu:22.04 --disk 16 --ssh --bid_price "$lowest"
spot=$(json "d['new_contract']")
until_status "$spot" running
vast create instance "$bid_offer" --image ubuntu:22.04 --disk 16 --ssh --bid_price 0.001
assert_contains "too low" "a bid that loses is told so"
control POST "/local/machines/$spot/preempt" '{"seconds":2}'
until_status "$spot" exited
until_status "$spot" running
vast change bid "$spot" --price 0.001
assert_contains "bid price changed" "the bid is changed"
until_status "$spot" exited
vast change bid "$spot"
assert_contains "bid price changed" "the bid that wins is taken"
until_status "$spot" running
vast change bid "$spot" --price 999
assert_contains "400" "a bid beyond all reason is refused"

step "volumes"
vast_raw show instance "$first"
machine=$(json "d['machine_id']")
vast_raw search volumes "machine_id=$machine disk_space>20"
assert_json "len(d) == 1 and d[0]['machine_id'] == $machine" "the machine offers volumes"
volume_offer=$(json "d[0]['id']")
vast_raw create volume "$volume_offer" -s 20 -n models
assert_json "d['success'] and d['volume_name'].startswith('V.')" "a volume is created"
volume=$(json "d['volume_name'][2:]")
vast_raw show volumes
assert_json "d[0]['id'] == $volume and d[0]['disk_space'] == 20 and d[0]['label'] == 'models'" "it is listed"
vast show volumes
assert_contains models "and in the table"
vast destroy instance "$first" -y
assert_contains "destroying instance" "an instance is destroyed"
vast_raw create instance "$offer" --image ubuntu:22.04 --disk 16 --ssh --link-volume "$volume" --mount-path /mnt/models
second=$(json "d['new_contract']")
until_status "$second" running
on "$second" 'echo weights > /mnt/models/w && grep /mnt/models /proc/mounts'
assert_exit 0 "the volume is mounted in an instance"
vast delete volume "$volume"
assert_contains "in use" "a volume in use is kept"

step "copy"
on "$spot" 'mkdir -p /workspace/set && echo data > /workspace/set/d'
vast copy "C.$spot:/workspace/set" "C.$second:/workspace/"
assert_contains "copy initiated" "a copy from instance to instance"
url=$("${vastai[@]}" ssh-url "$second")
url=${url#ssh://}
eventually 30 '^data$' "the files have arrived" ssh "${ssh_options[@]}" -p "${url##*:}" "${url%:*}" 'cat /workspace/set/d'
vast copy "V.$volume:/w" "C.$spot:/workspace/"
assert_contains "copy initiated" "a copy from a volume"
url=$("${vastai[@]}" ssh-url "$spot")
url=${url#ssh://}
eventually 30 '^weights$' "its files have arrived" ssh "${ssh_options[@]}" -p "${url##*:}" "${url%:*}" 'cat /workspace/w'
vast cancel copy "$spot"
assert_contains "copy canceled" "copies are canceled"

if command -v rsync >/dev/null; then
  mkdir -p "$work/up"
  echo sent >"$work/up/s"
  vast copy -i "$work/key" "local:$work/up/" "C.$second:/workspace/up/"
  on "$second" 'cat /workspace/up/s'
  assert_contains sent "files go from this computer to an instance"
  vast copy -i "$work/key" "C.$second:/workspace/set/" "local:$work/down"
  run cat "$work/down/d"
  assert_contains data "and from an instance to this computer"
else
  skip "copies to and from this computer: rsync is not installed"
fi

step "charges and invoices"
today=$(date -u +%s)
vast_raw show invoices-v1 --charges -s "$((today - 86400))" -e "$((today + 86400))"
assert_json "d['total'] >= 3 and all(c['amount'] != None for c in d['results'])" "charges"
vast show invoices-v1 --charges --format tree --verbose -s "$((today - 86400))" -e "$((today + 86400))" --no-color
assert_matches "(Instance|instance).*$second|No results" "charges as a tree"
vast_raw show invoices-v1 --invoices
assert_json "d['results'][0]['type'] == 'credit'" "invoices"
vast show invoices
assert_matches 'Starting.credit' "invoices of old"
vast show deposit "$spot"
assert_exit 0 "a deposit of nothing"
control GET /local/invoices
assert_json "d['total_micro_usd'] == sum(i['amount_micro_usd'] for i in d['invoices'])" "the bills add up"

step "destroy"
vast_raw show instances
read -ra left <<<"$(json "' '.join(str(i['id']) for i in d)")"
vast destroy instances "${left[@]}" -y
assert_exit 0 "instances are destroyed together"
vast_raw show instances
assert_json "d == []" "none is left"
vast destroy instance "$second" -y
assert_contains "not found" "what is gone cannot be destroyed"
eventually 30 'Deleted' "the volume is deleted when nobody uses it" "${vastai[@]}" delete volume "$volume"
vast delete volume "$volume"
assert_contains "not found" "and only once"
