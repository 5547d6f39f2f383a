#!/bin/sh
# First step of a machine, still on the host: detach from the caller's streams, join the machine's control groups, and become
# the given command. Arguments: LOG COUNT PROCS_FILE... COMMAND...
log=$1 count=$2
shift 2
exec >>"$log" 2>&1 </dev/null
while [ "$count" -gt 0 ]; do
    echo $$ >"$1" || echo "cannot join control group $1"
    shift
    count=$((count - 1))
done
exec "$@"
