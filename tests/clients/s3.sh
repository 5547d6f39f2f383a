#!/usr/bin/env bash
# Drives unchanged S3 clients against a local cloud of its own: aws-cli, rclone, s3cmd, restic; each that is installed.
# Starts and ends that cloud itself. The last line is "N passed, M failed, K skipped"; DEBUG=1 shows every command.
set -euo pipefail
root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)
DEBUG=${DEBUG:-}
# shellcheck source=../cli/utils/assertions.sh
source "$root/tests/cli/utils/assertions.sh"

if ! command -v python3 >/dev/null; then
  printf 'skipped: python3 is not installed\n'
  exit 0
fi

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

# start_cloud: a local cloud on free ports, and the clients told of its S3 by the variables that they share.
start_cloud() {
  local program=$root/artifacts/bin/Dumont.LocalCloud/release/dumont-localcloud.dll key secret
  if [[ ! -e $program ]]; then dotnet build "$root/src/Dumont.LocalCloud" -c Release -v q -nologo >"$work/build.log" 2>&1; fi
  dotnet "$program" --port 0 --data "$work/cloud" >"$work/ready" 2>"$work/cloud.log" &
  cloud_pid=$!
  while ! grep -q ready "$work/ready"; do
    if ! kill -0 "$cloud_pid" 2>/dev/null; then
      printf 'skipped: the local cloud cannot run here: %s\n' "$(tail -n 1 "$work/cloud.log")"
      cloud_pid=
      exit 0
    fi
    sleep 0.1
  done

  read -r url key secret region < <(python3 - "$work" <<'PYTHON'
import json, sys
s3 = json.load(open(sys.argv[1] + "/cloud/account.json"))["s3"]
print(s3["endpoint"], s3["access_key_id"], s3["secret_access_key"], s3["region"])
PYTHON
  )
  # A home of its own: no settings of the user's, and nothing left behind.
  export HOME=$work/home AWS_ACCESS_KEY_ID=$key AWS_SECRET_ACCESS_KEY=$secret AWS_DEFAULT_REGION=$region AWS_EC2_METADATA_DISABLED=true
  export RCLONE_CONFIG=$work/rclone.conf RCLONE_CONFIG_L_TYPE=s3 RCLONE_CONFIG_L_PROVIDER=Other RCLONE_CONFIG_L_ENDPOINT=$url
  export RCLONE_CONFIG_L_REGION=$region RCLONE_CONFIG_L_ENV_AUTH=true
  export RESTIC_PASSWORD=of-the-test RESTIC_CACHE_DIR=$work/restic-cache
  # Whatever proxy this computer uses, the cloud is on it. A bundle of certificates that is named and not there stops the clients.
  export no_proxy=127.0.0.1 NO_PROXY=127.0.0.1
  unset AWS_CA_BUNDLE
  mkdir -p "$HOME"
  : >"$RCLONE_CONFIG"
  printf '[default]\naccess_key = %s\nsecret_key = %s\nhost_base = %s\nhost_bucket = %s\nuse_https = False\nbucket_location = %s\n' \
    "$key" "$secret" "${url#http://}" "${url#http://}" "$region" >"$work/s3cfg"
  chmod 600 "$work/s3cfg"
}

# The distribution's own: a version manager's stand-in before it may lead nowhere.
aws() { run /usr/bin/aws --endpoint-url "$url" "$@"; }
s3cmd() { run /usr/bin/s3cmd -c "$work/s3cfg" --no-progress "$@"; }
restic() { run /usr/bin/restic -q -r "s3:$url/restic-repository" "$@"; }

# assert_same A B NAME: two files are equal to the byte.
assert_same() {
  command_line="cmp $1 $2"
  exit_code=0
  output=$(cmp -- "$1" "$2" 2>&1) || exit_code=$?
  assert_exit 0 "$3"
}

drive_aws() {
  printf 'aws-cli\n'
  aws s3 mb s3://first
  assert_exit 0 "a bucket is made"
  aws s3api get-bucket-location --bucket first
  assert_contains '"LocationConstraint": null' "it is in the oldest region"
  aws s3 cp --only-show-errors "$work/tree/small" s3://first/dir/small
  assert_exit 0 "a small object is uploaded"
  aws s3 cp --only-show-errors "$work/tree/large" s3://first/large
  assert_exit 0 "60 MB are uploaded in parts"
  aws s3api head-object --bucket first --key large
  assert_contains '"ContentLength": 60000000' "its length is told"
  assert_matches '"ETag": ".*-8' "its tag tells the parts"
  aws s3 ls s3://first/
  assert_contains "PRE dir/" "a list shows what is before the slash"
  aws s3 ls --recursive s3://first/
  assert_contains "dir/small" "a list shows all when asked to"
  aws s3api get-object --bucket first --key large --range bytes=1000-1999 "$work/range"
  assert_contains "bytes 1000-1999/60000000" "a range is given"
  head -c 2000 "$work/tree/large" | tail -c 1000 >"$work/range.expected"
  assert_same "$work/range.expected" "$work/range" "the range is right"
  aws s3 cp --only-show-errors s3://first/large "$work/large.aws"
  assert_same "$work/tree/large" "$work/large.aws" "60 MB come back the same"
  aws s3 cp --only-show-errors s3://first/large s3://first/copy
  assert_exit 0 "an object is copied in parts"
  aws s3 cp --only-show-errors s3://first/copy "$work/copy.aws"
  assert_same "$work/tree/large" "$work/copy.aws" "the copy is the same"
  local algorithm
  for algorithm in CRC32 CRC32C SHA1 SHA256; do
    aws s3api put-object --bucket first --key sum --body "$work/tree/small" --checksum-algorithm $algorithm --metadata colour=green
    assert_contains "Checksum$algorithm" "a body with its $algorithm behind it is taken"
  done
  aws s3api head-object --bucket first --key sum --checksum-mode ENABLED
  assert_contains "ChecksumSHA256" "the checksum is kept"
  assert_contains '"colour": "green"' "metadata are kept"
  aws s3 sync --only-show-errors "$work/tree" s3://first/sync
  assert_exit 0 "a folder is synced up"
  aws s3 sync "$work/tree" s3://first/sync
  assert_lacks "upload:" "nothing is sent again"
  aws s3 presign s3://first/dir/small
  run curl -sS "$output"
  assert_contains "a small file" "a presigned address is good for anybody"
  aws s3api list-objects-v2 --bucket first --max-items 1 --page-size 1
  assert_contains "NextToken" "a list has pages"
  aws s3api get-object --bucket first --key nothing "$work/nothing"
  assert_contains "NoSuchKey" "a key that is not there is said not to be"
  aws s3api get-bucket-policy --bucket first
  assert_contains "NoSuchBucketPolicy" "a policy that is not set is said not to be"
  aws s3 rb s3://first
  assert_contains "BucketNotEmpty" "a bucket that holds something is not deleted"
  aws s3 rm --recursive --only-show-errors s3://first
  assert_exit 0 "all objects are deleted"
  aws s3 rb s3://first
  assert_exit 0 "the empty bucket is deleted"
  AWS_SECRET_ACCESS_KEY=wrong aws s3 ls
  assert_contains "SignatureDoesNotMatch" "a wrong key is refused"
}

drive_rclone() {
  printf 'rclone\n'
  run rclone mkdir l:second
  assert_exit 0 "a bucket is made"
  run rclone copy "$work/tree" l:second/dir
  assert_exit 0 "a folder is uploaded"
  run rclone lsl l:second
  assert_matches '60000000 .* dir/large' "it is listed with its length"
  run rclone check "$work/tree" l:second/dir
  assert_contains "0 differences" "what is there has the right sums"
  run rclone copyto l:second/dir/large l:second/copy
  assert_exit 0 "an object is copied on the server"
  run rclone copy l:second "$work/rclone"
  assert_same "$work/tree/large" "$work/rclone/copy" "the copy comes back the same"
  assert_same "$work/tree/small" "$work/rclone/dir/small" "a small object comes back the same"
  run rclone sync -v "$work/tree" l:second/dir
  assert_contains "There was nothing to transfer" "a second sync sends nothing"
  run rclone cat --offset 2 --count 5 l:second/dir/small
  assert_contains "small" "a range is given"
  run rclone deletefile l:second/copy
  assert_exit 0 "an object is deleted"
  run rclone purge l:second
  assert_exit 0 "the bucket is deleted with what it holds"
}

drive_s3cmd() {
  printf 's3cmd\n'
  s3cmd mb s3://third
  assert_exit 0 "a bucket is made"
  s3cmd put "$work/tree/small" s3://third/dir/small
  assert_exit 0 "a small object is uploaded"
  s3cmd put "$work/tree/large" s3://third/large
  assert_exit 0 "60 MB are uploaded"
  s3cmd ls -r s3://third
  assert_contains "60000000  s3://third/large" "they are listed"
  s3cmd info s3://third/dir/small
  assert_contains "FULL_CONTROL" "whom it belongs to is told"
  s3cmd get --force s3://third/large "$work/large.s3cmd"
  assert_same "$work/tree/large" "$work/large.s3cmd" "60 MB come back the same"
  s3cmd cp s3://third/dir/small s3://third/copy
  assert_exit 0 "an object is copied"
  s3cmd sync "$work/tree/" s3://third/sync/
  assert_contains "upload:" "a folder is synced up"
  s3cmd sync "$work/tree/" s3://third/sync/
  assert_lacks "upload:" "nothing is sent again"
  s3cmd del -r -f s3://third
  assert_exit 0 "all is deleted by one call"
  s3cmd rb s3://third
  assert_exit 0 "the bucket is deleted"
}

drive_restic() {
  printf 'restic\n'
  restic init
  assert_exit 0 "a repository is made, and its bucket"
  restic backup "$work/tree"
  assert_exit 0 "a backup is made"
  restic check --read-data
  assert_exit 0 "every byte of it is right"
  restic restore latest --target "$work/restored"
  assert_same "$work/tree/large" "$work/restored$work/tree/large" "it is restored the same"
  restic backup "$work/tree"
  restic forget --keep-last 1 --prune
  assert_exit 0 "old backups are forgotten and pruned"
  restic check
  assert_exit 0 "what is left is right"
}

url=
region=
start_cloud
mkdir "$work/tree"
printf 'a small file\n' >"$work/tree/small"
head -c 60000000 /dev/urandom >"$work/tree/large"
for client in aws rclone s3cmd restic; do
  if [[ -x /usr/bin/$client ]]; then "drive_$client"; else skip "$client is not installed"; fi
done

printf '%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
[[ $failed -eq 0 ]]
