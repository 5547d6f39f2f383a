# Everything that Dumont does on a computer that somebody owns (ADR-0005). The text goes to "sh -s" over one SSH connection, behind lines that set
# VERB FOLDER PORT CLAIM TAG KEYS ENVIRONMENT ONSTART CELL as quoted words. The shell reads all of it before main, on the last line, begins: a
# connection that is cut on the way does nothing.
#
# Answers are lines "name value" between "dumont-own 1" and "end VERDICT": a text without its end proves nothing.
#
#   FOLDER/claim/            the one claim; made whole as claim.new and renamed
#     id tag                 whose it is; removed last
#     stopped                there when it was asked to stop
#     process                unshare's pid and start time
#     disk work stack root home workspace tmp opt state   what the cell sees as its own
#
# Whoever changes something holds an exclusive lock on FOLDER, whoever looks a shared one: an answer never shows half a step.

finish() {
    echo "end $*"
    exit 0
}

one_line() {
    tr -c '[:print:]' ' ' | cut -c1-250
}

lock() {
    while :; do
        mkdir -p "$FOLDER" || finish failed "cannot make $FOLDER"
        if [ -L "$FOLDER" ] || [ ! -O "$FOLDER" ]; then finish unsuitable "$FOLDER is a link or belongs to somebody else than root"; fi
        exec 9<"$FOLDER"
        flock "$1" -w 20 9 || finish failed "$FOLDER is locked"
        # Another claim's end may have removed the folder in the meantime.
        if [ "$(stat -L -c %i /proc/self/fd/9)" = "$(stat -c %i "$FOLDER" 2>/dev/null)" ]; then return; fi
    done
}

unlock_empty() {
    rmdir "$FOLDER" 2>/dev/null || true
}

# Field 22 of stat; the name before it, in brackets, may hold blanks.
start_time() {
    sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20
}

# Sets pid when the cell's outermost process lives. A number that was given to another process since is told by its start time and its words.
cell_lives() {
    pid=
    [ -s "$claim/process" ] || return 1
    read -r number began <"$claim/process" || return 1
    [ -n "$began" ] && [ "$(start_time "$number")" = "$began" ] || return 1
    tr '\0' '\n' <"/proc/$number/cmdline" 2>/dev/null | grep -qxF -- "$claim/cell.sh" || return 1
    pid=$number
}

port_is_taken() {
    hex=$(printf '%04X' "$PORT")
    cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | grep -q "^ *[0-9]*: [0-9A-F]*:$hex [0-9A-F]*:[0-9A-F]* 0A "
}

start_cell() {
    # sshd goes on with the addresses that it gets; here it is all or nothing.
    if port_is_taken; then
        echo "port $PORT is in use on the machine" >"$claim/console"
        return 1
    fi
    rm -f "$claim/stopped" "$claim/up"
    setsid unshare --mount --pid --ipc --uts --fork --kill-child sh "$claim/cell.sh" "$claim" "$PORT" "$FOLDER" \
        </dev/null >"$claim/console" 2>&1 9<&- &
    echo "$! $(start_time $!)" >"$claim/process"
    tries=0
    while [ ! -s "$claim/up" ]; do
        if ! kill -0 $! 2>/dev/null || [ $tries -ge 300 ]; then
            stop_cell
            return 1
        fi
        tries=$((tries + 1))
        sleep 0.05
    done
}

# The kernel ends every process of a process space with its first one, and drops its mounts.
stop_cell() {
    cell_lives || return 0
    for child in $(cat "/proc/$pid/task/$pid/children" 2>/dev/null || ps -o pid= --ppid "$pid"); do kill -TERM "$child" 2>/dev/null; done
    tries=0
    while cell_lives; do
        if [ $tries -ge 200 ]; then return 1; fi
        if [ $tries -ge 60 ]; then kill -KILL "$pid" 2>/dev/null; fi
        tries=$((tries + 1))
        sleep 0.05
    done
}

claimed() {
    [ -s "$claim/id" ]
}

claimed_by_us() {
    claimed && [ "$(cat "$claim/id")" = "$CLAIM" ]
}

show_claim() {
    claimed || return 0
    echo "claim $(cat "$claim/id" | one_line)"
    echo "tag $(cat "$claim/tag" | one_line)"
    echo "since $(stat -c %Y "$claim/id")"
    echo "host-key $(cut -d' ' -f1,2 "$claim/boot_key.pub" | one_line)"
    if cell_lives; then echo "state running"
    elif [ -e "$claim/stopped" ]; then echo "state stopped"
    else echo "state interrupted"; fi
}

probe_gpus() {
    command -v nvidia-smi >/dev/null || return 0
    timeout 10 nvidia-smi --query-gpu=name,memory.total --format=csv,noheader,nounits </dev/null 2>/dev/null |
        while IFS=, read -r name memory; do echo "gpu ${memory# },$name" | one_line; echo; done
    timeout 10 nvidia-smi </dev/null 2>/dev/null | sed -n 's/.*CUDA Version: *\([0-9.]*\).*/cuda \1/p' | head -n 1
}

probe() {
    echo "arch $(uname -m)"
    echo "os $( (. /etc/os-release && echo "$PRETTY_NAME") 2>/dev/null | one_line)"
    echo "cores $(nproc)"
    echo "memory-kib $(sed -n 's/^MemTotal: *\([0-9]*\).*/\1/p' /proc/meminfo)"
    echo "disk-kib $(df -Pk "$FOLDER" | awk 'NR == 2 { print $4 }')"
    probe_gpus
    claimed && return 0
    if port_is_taken; then finish unsuitable "port $PORT is in use on the machine"; fi
    rm -rf "$FOLDER/claim.new"
    mkdir -p "$FOLDER/claim.new/disk" "$FOLDER/claim.new/work" "$FOLDER/claim.new/m"
    trouble=$(unshare --mount --pid --ipc --uts --fork sh -c \
        'mount --make-rprivate / && cd "$1" && mount -t overlay -o lowerdir=/,upperdir=disk,workdir=work overlay m && mount -t proc proc m/proc' \
        trial "$FOLDER/claim.new" 2>&1 </dev/null) ||
        { rm -rf "$FOLDER/claim.new"; finish unsuitable "the machine cannot make a space of its own for an instance: $(echo "$trouble" | one_line)"; }
    rm -rf "$FOLDER/claim.new"
}

make_claim() {
    new=$FOLDER/claim.new
    rm -rf "$new"
    mkdir "$new"
    (cd "$new" && mkdir disk work stack m root home workspace tmp opt state)
    chmod 755 "$new/disk" "$new/home" "$new/workspace"
    chmod 1777 "$new/tmp"
    printf '%s\n' "$CLAIM" >"$new/id"
    printf '%s\n' "$TAG" >"$new/tag"
    printf '%s' "$CELL" >"$new/cell.sh"
    printf '%s' "$ONSTART" >"$new/onstart"
    mkdir "$new/root/.ssh"
    printf '%s' "$KEYS" >"$new/root/.ssh/authorized_keys"
    printf '%s' "$ENVIRONMENT" >"$new/root/.ssh/environment"
    cp -R /etc/skel/. "$new/root/" 2>/dev/null
    ssh-keygen -q -t ed25519 -N '' -C '' -f "$new/boot_key" </dev/null || finish failed "ssh-keygen made no host key"
    sync -f "$new" 2>/dev/null || sync
    mv -T "$new" "$claim"
}

# What the claim holds goes first, its name last: a wipe that was cut is seen as a claim still there.
remove_claim() {
    for entry in "$claim"/* "$claim"/.[!.]*; do
        case ${entry##*/} in
            id | tag | '*' | '.[!.]*') ;;
            *) rm -rf --one-file-system "$entry" ;;
        esac
    done
    rm -rf --one-file-system "$claim" "$FOLDER/claim.new"
    [ ! -e "$claim" ]
}

create() {
    if claimed && ! claimed_by_us; then
        show_claim
        finish taken
    fi
    claimed || make_claim
    if ! cell_lives && ! start_cell; then
        trouble=$(tail -n 3 "$claim/console" | one_line)
        remove_claim
        finish failed "the instance's space did not start: $trouble"
    fi
    show_claim
}

main() {
    set -u
    umask 077
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:$PATH
    LC_ALL=C
    export PATH LC_ALL
    claim=$FOLDER/claim
    echo "dumont-own 1"
    [ "$(id -u)" = 0 ] || finish not-root
    for program in bash flock unshare setsid mount umount pivot_root mountpoint chroot sshd ssh-keygen timeout; do
        command -v $program >/dev/null || finish unsuitable "the program $program is missing; it comes with bash, util-linux, coreutils or openssh-server"
    done
    case $VERB in
        probe) lock -x; probe; show_claim; unlock_empty ;;
        look) lock -s; show_claim; unlock_empty ;;
        create) lock -x; create ;;
        start)
            lock -x
            claimed_by_us || { unlock_empty; finish absent; }
            cell_lives || start_cell || finish failed "$(tail -n 3 "$claim/console" | one_line)"
            show_claim ;;
        stop)
            lock -x
            claimed_by_us || { unlock_empty; finish absent; }
            : >"$claim/stopped"
            stop_cell || finish failed "its processes do not end"
            show_claim ;;
        destroy)
            lock -x
            claimed_by_us || { unlock_empty; finish absent; }
            stop_cell || finish failed "its processes do not end"
            remove_claim || finish failed "its files cannot be removed"
            unlock_empty ;;
        *) finish failed "unknown verb" ;;
    esac
    finish ok
}
main
