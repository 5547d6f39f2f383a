#!/bin/bash
# First process of a machine, inside it and without the host's powers. Applies what the cloud wrote under /run/cloud, keeps sshd
# running, runs the customer's start script, reaps orphans. TERM stops the machine in good order, USR1 applies keys again, USR2 breaks
# what the cloud wants broken.
set -u
cloud=/run/cloud
umask 022

if [ "${1-}" != ready ]; then
    # Become a process that carries the customer's variables, as the first process of a container does.
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root USER=root LOGNAME=root SHELL=/bin/bash LANG=C.UTF-8
    export PATH HOME USER LOGNAME SHELL LANG
    while IFS= read -r -d '' variable; do export "${variable?}"; done <$cloud/environment
    exec /bin/bash $cloud/init.sh ready
fi

# Keys of one account: those that the cloud put there before and no longer wants go, the customer's own lines stay.
apply_keys_of() {
    local user=$1 wanted=$cloud/keys/$1 applied=/var/lib/cloud/keys.$1 home
    if ! id -u "$user" >/dev/null 2>&1; then
        useradd --create-home --shell /bin/bash "$user" || return 0
        usermod --password '*' "$user"
    fi
    home=/root
    if [ "$user" != root ]; then home=$(getent passwd "$user" | cut -d: -f6); fi
    if [ ! -d "$home/.ssh" ]; then install -d -m 0700 -o "$user" "$home/.ssh"; fi
    local keys=$home/.ssh/authorized_keys
    if [ -s "$keys" ]; then
        : >>"$applied"
        { grep -vxF -f "$applied" "$keys" || true; cat "$wanted"; } | awk 'NF && !seen[$0]++' >"$keys.new"
    else
        cat "$wanted" >"$keys.new"
    fi
    cp "$wanted" "$applied"
    if [ "$user" != root ]; then chown "$user" "$keys.new"; fi
    chmod 0600 "$keys.new"
    mv "$keys.new" "$keys"
}

apply_keys() {
    local file
    for file in $cloud/keys/*; do
        if [ -e "$file" ]; then apply_keys_of "${file##*/}"; fi
    done
}

apply_settings() {
    # The machine may have made links of them.
    rm -f /etc/{hostname,hosts,resolv.conf}
    cp $cloud/etc/{hostname,hosts,resolv.conf} /etc/
    cp --remove-destination $cloud/etc/sshd_config /etc/ssh/
    if [ ! -e /etc/ssh/ssh_host_ed25519_key ]; then
        ssh-keygen -q -t ed25519 -N '' -C "root@$(cat /etc/hostname)" -f /etc/ssh/ssh_host_ed25519_key
    fi
}

# What rsync of the provider's client finds under the container's name: everything.
apply_carrier() {
    if [[ ! ${CONTAINER_ID-} =~ ^[0-9]+$ ]]; then return 0; fi
    local module
    for module in "C.$CONTAINER_ID" "$CONTAINER_ID"; do
        printf '[%s]\npath = /\nread only = no\nuse chroot = no\nmunge symlinks = no\nnumeric ids = yes\nuid = 0\ngid = 0\n' "$module"
    done >/var/lib/cloud/rsyncd.conf
}

start_sshd() {
    if [ -e $cloud/no-sshd ]; then
        sleep infinity &
        sshd=$!
        return
    fi
    # By its full name: sshd starts itself again on HUP.
    /usr/sbin/sshd -D -e &
    sshd=$!
}

# What the cloud breaks on purpose, until the next boot. The loop below starts what is ended here, or what stands for it.
break_things() {
    local process name
    if [ -e $cloud/new-host-key ] && [ ! -e /run/new-host-key ]; then
        : >/run/new-host-key
        rm -f /etc/ssh/ssh_host_ed25519_key{,.pub}
        ssh-keygen -q -t ed25519 -N '' -C "root@$(cat /etc/hostname)" -f /etc/ssh/ssh_host_ed25519_key
        kill "$sshd"
    fi
    if [ -e $cloud/no-sshd ]; then
        for process in /proc/[0-9]*; do
            read -r name 2>/dev/null <"$process/comm" || continue
            case $name in sshd*) kill "${process#/proc/}" 2>/dev/null ;; esac
        done
    fi
}

run_start_script() {
    local script=/var/lib/cloud/start-script interpreter=
    install -m 0700 $cloud/start-script $script
    if [ "$(head -c 2 $script)" != '#!' ]; then interpreter=/bin/bash; fi
    (cd / && exec setsid $interpreter $script) &
}

# Leaves the loop below; the kernel ends whatever is still alive when this process exits.
stop() {
    stopping=1
    kill -TERM -1 2>/dev/null
    local tries processes
    for tries in $(seq 40); do
        processes=(/proc/[0-9]*)
        if [ ${#processes[@]} -le 1 ]; then break; fi
        sleep 0.05
    done
    exit 0
}

stopping=
trap stop TERM
trap apply_keys USR1
trap break_things USR2
rm -rf /run/sshd.pid
apply_settings
apply_keys
apply_carrier
start_sshd
if [ -s $cloud/start-script ]; then run_start_script; fi

while [ -z "$stopping" ]; do
    wait "$sshd"
    if kill -0 "$sshd" 2>/dev/null; then continue; fi
    echo "sshd ended; starting it again"
    sleep 0.2
    start_sshd
done
