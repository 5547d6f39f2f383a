#!/usr/bin/env bash
# Drives the unchanged Google Cloud client against a local cloud of its own: VMs, disks, operations, preemption, errors, batches.
# Starts and ends that cloud itself. The last line is "N passed, M failed"; DEBUG=1 shows every command.
set -euo pipefail
root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)
DEBUG=${DEBUG:-}
# shellcheck source=../cli/utils/assertions.sh
source "$root/tests/cli/utils/assertions.sh"

for program in gcloud ssh ssh-keygen python3; do
  if ! command -v "$program" >/dev/null; then
    printf 'skipped: %s is not installed\n' "$program"
    exit 0
  fi
done

work=$(mktemp -d)
cloud_pid=
stop() {
  if [[ -n $cloud_pid ]]; then
    kill -TERM "$cloud_pid" 2>/dev/null || true
    wait "$cloud_pid" 2>/dev/null || true
  fi
  rm -rf -- "$work"
}
trap stop EXIT

# start_cloud: a local cloud on a free port, and the client told of it as one tells it of any other endpoint.
start_cloud() {
  local program=$root/artifacts/bin/Dumont.LocalCloud/release/dumont-localcloud.dll
  if [[ ! -e $program ]]; then dotnet build "$root/src/Dumont.LocalCloud" -c Release -v q -nologo >"$work/build.log" 2>&1; fi
  dotnet "$program" --port 0 --data "$work/cloud" --preemption-notice-ms 2000 >"$work/ready" 2>"$work/cloud.log" &
  cloud_pid=$!
  while ! grep -q ready "$work/ready"; do
    if ! kill -0 "$cloud_pid" 2>/dev/null; then
      printf 'skipped: the local cloud cannot run here: %s\n' "$(tail -n 1 "$work/cloud.log")"
      cloud_pid=
      exit 0
    fi
    sleep 0.1
  done

  read -r url port project < <(python3 - "$work" <<'PYTHON'
import json, sys
account = json.load(open(sys.argv[1] + "/cloud/account.json"))
json.dump(account["gcp_service_account"], open(sys.argv[1] + "/key.json", "w"))
print(account["base_url"], account["gcp_ssh_port"], account["gcp_service_account"]["project_id"])
PYTHON
  )
  export CLOUDSDK_CONFIG=$work/gcloud CLOUDSDK_CORE_PROJECT=$project CLOUDSDK_COMPUTE_ZONE=$zone CLOUDSDK_API_ENDPOINT_OVERRIDES_COMPUTE=$url/compute/v1/
  export CLOUDSDK_CORE_DISABLE_PROMPTS=1 CLOUDSDK_CORE_DISABLE_USAGE_REPORTING=1 CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK=1
  # Whatever proxy this computer uses, the cloud is on it.
  export no_proxy=127.0.0.1 NO_PROXY=127.0.0.1
}

compute() { run gcloud compute "$@"; }

# login COMMAND: runs it as root on the VM "first". A new machine's key is taken at the first login and must stay the same.
login() {
  run ssh -F /dev/null -i "$work/id" -o IdentitiesOnly=yes -o BatchMode=yes -o ConnectTimeout=5 -o StrictHostKeyChecking=accept-new \
    -o HostKeyAlias=first -o UserKnownHostsFile="$work/known_hosts" -o LogLevel=ERROR -p "$port" "root@$address" "$1"
}

# address_of_first: where "first" is reached now.
address_of_first() {
  address=$(gcloud compute instances describe first --format='value(networkInterfaces[0].accessConfigs[0].natIP)' 2>/dev/null)
}

zone=europe-west1-b
url=
port=
project=
address=
start_cloud
ssh-keygen -q -t ed25519 -N '' -C tester -f "$work/id"
printf 'root:%s\n' "$(cat "$work/id.pub")" >"$work/ssh-keys"
cat >"$work/startup.sh" <<'SCRIPT'
#!/bin/sh
echo 'PermitRootLogin prohibit-password' >/etc/ssh/sshd_config.d/10-root.conf
systemctl reload ssh
echo startup-script-ran
SCRIPT

printf 'account and catalogue\n'
run gcloud auth activate-service-account --key-file="$work/key.json"
assert_contains "Activated service account" "the account's key is exchanged for a token"
compute zones list --filter="name~^europe-west1-" --format="value(name)"
assert_contains "$zone" "zones are listed"
assert_lacks "us-central1" "zones are filtered"
compute regions list --format="csv[no-heading](name,status)"
assert_contains "europe-west1,UP" "regions are listed"
assert_exit 0 "listing regions succeeds"
compute machine-types list --zones="$zone" --filter="name=e2-medium" --format="csv[no-heading](name,guestCpus,memoryMb)"
assert_contains "e2-medium,2,4.00" "machine types are listed"
compute zones describe mars-north1-a
assert_exit 1 "an unknown zone is refused"
assert_contains "was not found" "an unknown zone is said to be unknown"

printf 'a Spot VM\n'
compute instances create first --machine-type=e2-medium --provisioning-model=SPOT --instance-termination-action=STOP --image-family=debian-12 \
  --image-project=debian-cloud --boot-disk-size=20GB --labels=app=dumont --tags=worker --metadata-from-file="ssh-keys=$work/ssh-keys,startup-script=$work/startup.sh"
assert_exit 0 "a VM is created"
assert_contains "RUNNING" "it runs"
compute instances list --filter="labels.app=dumont AND status=RUNNING" --format=json
assert_contains '"name": "first"' "it is listed as JSON by label and status"
assert_contains '"provisioningModel": "SPOT"' "it is a Spot VM"
assert_contains '"diskSizeGb": "20"' "its disk has the size asked for"
compute instances list --filter="labels.app=nothing"
assert_contains "Listed 0 items" "a filter that nothing meets lists nothing"
compute instances describe first --format="value(status,machineType.basename(),tags.items[0])"
assert_matches "RUNNING.e2-medium.worker" "it is described"
address_of_first
assert_matches "RUNNING" "it has an address"
login "hostname; curl -s -H 'Metadata-Flavor: Google' http://\${GCE_METADATA_HOST:-metadata.google.internal}/computeMetadata/v1/instance/zone"
assert_exit 0 "ssh with the key of its metadata succeeds"
assert_contains "first" "it knows its name"
assert_contains "/zones/$zone" "its metadata server knows its zone"
compute instances get-serial-port-output first
assert_contains "startup-script-ran" "its console shows the startup script"
compute instances create first --machine-type=e2-medium
assert_exit 1 "a second VM of that name is refused"
assert_contains "already exists" "the error says that it exists"
compute instances create other --zone=mars-north1-a --machine-type=e2-medium
assert_exit 1 "a VM in an unknown zone is refused"
assert_contains "'projects/$project/zones/mars-north1-a' was not found" "the error names the zone"

printf 'metadata, labels, tags\n'
compute instances add-metadata first --metadata=colour=red
assert_exit 0 "metadata is added"
compute instances add-labels first --labels=team=blue
assert_exit 0 "labels are added"
compute instances add-tags first --tags=web
assert_exit 0 "tags are added"
compute instances describe first --format="json(labels,tags,metadata)"
assert_contains '"team": "blue"' "the new label is there"
assert_contains '"app": "dumont"' "the old label is there"
assert_contains '"colour"' "the new metadata is there"
assert_contains '"web"' "the new tag is there"

printf 'a data disk\n'
compute disks create data --size=50GB --type=pd-balanced
assert_exit 0 "a disk is created"
compute instances attach-disk first --disk=data --device-name=data
assert_exit 0 "it is attached"
login "echo kept >/mnt/disks/data/file"
assert_exit 0 "the VM writes on it"
compute disks delete data
assert_exit 1 "a disk in use cannot be deleted"
assert_contains "already being used by" "the error names its user"
compute disks resize data --size=60GB
assert_contains "sizeGb: '60'" "it grows"
compute instances detach-disk first --disk=data
assert_exit 0 "it is detached"
login "ls /mnt/disks"
assert_lacks "data" "the VM has it no more"
compute instances attach-disk first --disk=data --device-name=again
login "cat /mnt/disks/again/file"
assert_contains "kept" "its files come back with it"
compute instances detach-disk first --disk=data
compute disks delete data
assert_exit 0 "a free disk is deleted"
compute disks list --format="value(name)"
assert_lacks "data" "it is listed no more"

printf 'stop, start, reset\n'
compute instances stop first
assert_exit 0 "it stops"
compute instances describe first --format="value(status)"
assert_contains "TERMINATED" "it is off"
compute instances start first
assert_exit 0 "it starts"
address_of_first
compute instances reset first
assert_exit 0 "it is reset"
login "cat /etc/ssh/sshd_config.d/10-root.conf"
assert_contains "PermitRootLogin" "its disk is kept, its host key too"

printf 'operations\n'
compute operations list --filter="operationType=insert AND targetLink~instances/first" --format="value(name)"
assert_matches "^operation-" "operations are listed by type"
operation=$(grep -m 1 '^operation-' <<<"$output" || true)
compute operations describe "$operation" --zone="$zone" --format="value(status,operationType)"
assert_matches "DONE.insert" "an operation is described"
compute instances start first --async --format="value(name.basename())"
assert_matches "operation-" "a command that does not wait names its operation"
compute operations list --global --format="value(name)"
assert_exit 0 "operations of the project are listed"

printf 'preemption\n'
compute instances simulate-maintenance-event first
assert_exit 0 "a maintenance event is simulated"
compute operations list --filter="operationType=compute.instances.preempted" --format="value(targetLink.basename(),user)"
assert_matches "first.system" "an operation of the system says that it was preempted"
compute instances describe first --format="value(status)"
assert_contains "TERMINATED" "it is off"

printf 'several at once\n'
compute instances create one two three --machine-type=e2-micro
assert_exit 0 "three VMs are created by one command"
compute instances list --format="csv[no-heading](name,status)"
assert_contains "three,RUNNING" "the last of them runs"
assert_contains "first,TERMINATED" "the first is listed beside them"
compute instances delete one two three first
assert_exit 0 "four VMs are deleted by one command"
compute instances list
assert_contains "Listed 0 items" "none is left"
compute disks list
assert_contains "Listed 0 items" "no disk is left"

printf '%d passed, %d failed\n' "$passed" "$failed"
[[ $failed -eq 0 ]]
