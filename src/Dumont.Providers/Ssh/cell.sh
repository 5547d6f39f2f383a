#!/bin/sh
# The space in which an instance runs on a computer that somebody owns (ADR-0005). First process of its own mount, process, IPC and host-name
# space; arguments CLAIM PORT FOLDER. It sees the computer's programs through an overlay, so that what it installs or changes lands in the claim and
# goes with it, and has root, home, workspace, temporary files, SSH keys and an sshd of its own. Devices, network and processors are the computer's.
set -eu

if [ "$1" = init ]; then
    port=$2
    stop() {
        kill -TERM -1 2>/dev/null
        tries=0
        while [ $tries -lt 20 ]; do
            set -- /proc/[0-9]*
            if [ $# -eq 1 ]; then break; fi
            sleep 0.05
            tries=$((tries + 1))
        done
        exit 0
    }
    trap stop TERM
    set +e
    # The first start tells whether the port is to be had.
    /usr/sbin/sshd -D -e -f /etc/ssh/sshd_config -p "$port" 7>&- &
    sshd=$!
    while [ ! -s /run/sshd.pid ]; do
        kill -0 $sshd 2>/dev/null || exit 1
        sleep 0.02
    done
    echo up >&7
    exec 7>&-
    if [ -s /var/lib/dumont/onstart ]; then
        (
            cd /root
            while IFS= read -r line; do
                name=${line%%=*}
                export "$name=${line#*=}"
            done </root/.ssh/environment
            HOME=/root
            export HOME
            exec setsid bash /var/lib/dumont/onstart >>/var/lib/dumont/onstart.log 2>&1
        ) &
    fi
    while :; do
        wait $sshd
        kill -0 $sshd 2>/dev/null && continue
        sleep 1
        /usr/sbin/sshd -D -e -f /etc/ssh/sshd_config -p "$port" &
        sshd=$!
    done
fi

claim=$1 port=$2 folder=$3
umask 022
exec 7>"$claim/up"
mount --make-rprivate /
cd "$claim"
m=m
mount -t overlay -o lowerdir=/,upperdir=disk,workdir=work overlay $m

# An overlay ends where another file system is mounted: the parts of the system that lie on one of their own get an overlay each.
for part in usr etc var opt; do
    if mountpoint -q "/$part"; then
        mkdir -p "stack/$part/upper" "stack/$part/work"
        mount -t overlay -o "lowerdir=/$part,upperdir=stack/$part/upper,workdir=stack/$part/work" overlay "$m/$part"
    fi
done

mount -t proc -o nosuid,nodev,noexec proc $m/proc
mount --rbind /sys $m/sys
mount --rbind /dev $m/dev
mount -t tmpfs -o mode=1777,nosuid,nodev shm $m/dev/shm
mount -t tmpfs -o mode=0755,nosuid,nodev run $m/run
mkdir -p $m/run/sshd $m/run/lock

# Private folders. What the computer keeps under these names, a server's data for instance, is not the instance's.
mkdir -p $m/root $m/home $m/workspace $m/tmp $m/opt/dumont $m/var/lib/dumont
install -m 0700 onstart state/onstart
for pair in root:root home:home workspace:workspace tmp:tmp opt:opt/dumont state:var/lib/dumont; do
    mount --bind "${pair%%:*}" "$m/${pair#*:}"
done
if [ -d "$m$folder" ]; then mount -t tmpfs -o mode=0700,size=4k none "$m$folder"; fi

# Name servers: the file may be a link into what is private now.
if [ -e /etc/resolv.conf ]; then
    cat /etc/resolv.conf >state/resolv.conf
    rm -f $m/etc/resolv.conf
    cp state/resolv.conf $m/etc/resolv.conf
fi

# Its own sshd, with a host key of its own from the first start on; later the instance's key lies there and stays.
if [ ! -e state/keyed ]; then
    rm -rf $m/etc/ssh
    mkdir -p $m/etc/ssh
    install -m 600 boot_key $m/etc/ssh/ssh_host_ed25519_key
    install -m 644 boot_key.pub $m/etc/ssh/ssh_host_ed25519_key.pub
    cat >$m/etc/ssh/sshd_config <<'END'
HostKey /etc/ssh/ssh_host_ed25519_key
PidFile /run/sshd.pid
AuthorizedKeysFile .ssh/authorized_keys
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitUserEnvironment yes
UsePAM no
PrintMotd no
Subsystem sftp internal-sftp
END
    : >state/keyed
fi

cp cell.sh $m/run/cell.sh
mkdir -p $m/run/old
cd $m
pivot_root . run/old
cd /
umount -l /run/old
rmdir /run/old
exec chroot / /bin/sh /run/cell.sh init "$port"
