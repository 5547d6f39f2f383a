#!/bin/bash
# Second step of a machine: first process of its own mount, process, IPC and host-name space. Builds the root file system,
# leaves the host's behind, gives up the powers that a container has no need of, and becomes the machine's init.
#
# Arguments: MODE (root|user) FOLDER (of this machine) BASE (shared by all) HOSTNAME, and for a one-shot command its words.
# Whatever a customer typed lies in files under FOLDER/config; one-shot words are handed on as words and seen by no shell.
#
#   /            tmpfs, the stage: the host's pristine /usr read-only, and nothing else of the host
#   /m           the machine's root: FOLDER/disk, with overlays of /usr, /etc and the package database on it
#
# The machine runs in a chroot at /m. Leaving that chroot leads to the stage, where nothing is to be found. Until the powers
# are dropped no program of the machine's own file system is run, and nothing is written through names that the machine may
# have turned into links: on later boots writes go to fresh tmpfs mounts alone.
set -eu
mode=$1 folder=$2 base=$3 name=$4
shift 4
umask 022
PATH=/usr/sbin:/usr/bin:/sbin:/bin
export PATH
mount --make-rprivate /
hostname "$name"
cd "$folder"

if [ ! -e made ]; then
    mkdir -p disk/{usr,etc,opt,root,home,workspace,tmp,run,proc,sys,dev,srv,mnt,media,boot} \
        disk/var/{lib/dpkg,lib/apt/lists/partial,lib/cloud,log/apt,cache/apt/archives/partial,tmp,spool,mail,backups}
    chmod 0700 disk/root
    chmod 1777 disk/tmp disk/var/tmp
    ln -sfn /run disk/var/run
    ln -sfn /run/lock disk/var/lock
    for link in bin sbin lib lib32 lib64 libx32; do
        if [ -L "/$link" ]; then ln -sfn "usr/$link" "disk/$link"; fi
    done
    # Folders made in the upper layer belong to the machine's own root even where the host's root is not mapped.
    mkdir -p usr/{upper/{bin,sbin,lib,share,include,local/{bin,sbin,lib,share,etc,include}},work} \
        etc/{upper/{ssh/sshd_config.d,profile.d,default,alternatives},work} dpkg/{upper,work}
    if [ -d disks ]; then ln -s /run/disks disk/mnt/disks; fi
    touch made
fi

# The stage.
mount -t tmpfs -o mode=0755,size=16m stage stage
mkdir -p stage/{usr,etc,m,old}
for link in bin sbin lib lib32 lib64 libx32; do
    if [ -L "/$link" ]; then ln -s "usr/$link" "stage/$link"; fi
done
ln -s m/proc stage/proc
cp /etc/ld.so.cache stage/etc/ 2>/dev/null || true
mount -o rbind,ro /usr stage/usr

# The machine's disk. Relative layer names keep a comma or colon in the data folder's path out of the option string.
m=stage/m
layers=
if [ "$mode" = user ]; then layers=userxattr,; fi
mount --bind disk $m
mount -t overlay -o "${layers}lowerdir=/usr,upperdir=usr/upper,workdir=usr/work" overlay $m/usr
ln -sfn "$base" base
mount -t overlay -o "${layers}lowerdir=base/etc,upperdir=etc/upper,workdir=etc/work" overlay $m/etc
mount -t overlay -o "${layers}lowerdir=/var/lib/dpkg,upperdir=dpkg/upper,workdir=dpkg/work" overlay $m/var/lib/dpkg ||
    echo "this machine has no package database"

mount -t proc -o nosuid,nodev,noexec proc $m/proc
mount -t tmpfs -o mode=0755,nosuid,size=1m dev $m/dev
mkdir $m/dev/{pts,shm}
if [ "$mode" = root ]; then
    cp -a /dev/{null,zero,full,random,urandom,tty} $m/dev/
else
    # A plain user may not make devices, but may show those that are there.
    for device in null zero full random urandom tty; do
        : >$m/dev/$device
        mount --bind /dev/$device $m/dev/$device
    done
fi
mount -t devpts -o newinstance,ptmxmode=0666,mode=0620,gid=5 devpts $m/dev/pts
ln -s pts/ptmx $m/dev/ptmx
ln -s /proc/self/fd $m/dev/fd
ln -s /proc/self/fd/0 $m/dev/stdin
ln -s /proc/self/fd/1 $m/dev/stdout
ln -s /proc/self/fd/2 $m/dev/stderr
mount -t tmpfs -o mode=1777,nosuid,nodev shm $m/dev/shm
mount -t tmpfs -o mode=0755,nosuid,nodev,size=256m run $m/run
mkdir -p $m/run/{cloud,lock,sshd}
mount -o bind,ro config $m/run/cloud
if [ -d disks ]; then
    mkdir $m/run/disks
    mount -o bind,nosuid,nodev disks $m/run/disks
fi

# What programs read about processors and their own limits; the rest of /sys stays out.
mount -t tmpfs -o mode=0755,nosuid,nodev,noexec,size=1m sys $m/sys
mkdir -p $m/sys/devices/system $m/sys/fs/cgroup
mount -o bind,ro /sys/devices/system $m/sys/devices/system 2>/dev/null || true
while IFS=: read -r controller path; do
    # A machine that is entered for one command only has no groups of its own.
    if [ ! -d "$path" ]; then continue; fi
    if [ -z "$controller" ]; then
        mount -o bind,ro "$path" $m/sys/fs/cgroup
    else
        mkdir $m/sys/fs/cgroup/"$controller"
        mount -o bind,ro "$path" $m/sys/fs/cgroup/"$controller"
    fi
done <groups
mount -o remount,bind,ro $m/sys

if [ "$mode" = root ]; then
    # The machine's root is the host's root without its powers: what such a user may still write or read in /proc is closed.
    for part in sys sysrq-trigger irq bus fs; do
        if [ -e $m/proc/$part ]; then mount -o bind,ro $m/proc/$part $m/proc/$part; fi
    done
    for part in kcore keys timer_list kmsg; do
        if [ -e $m/proc/$part ]; then mount --bind /dev/null $m/proc/$part; fi
    done
fi

# Folders of the host that belong into this machine. Each path is walked name by name: its root may have made links of them.
if [ ! -e mounts ]; then : >mounts; fi
while IFS= read -r -d '' source && IFS= read -r -d '' target; do
    place=$m
    IFS=/ read -ra parts <<<"${target#/}"
    for part in "${parts[@]}"; do
        place=$place/$part
        if [ -L "$place" ] || { [ -e "$place" ] && [ ! -d "$place" ]; }; then
            echo "cannot mount at $target: ${place#"$m"} is not a folder"
            exit 1
        fi
        if [ ! -d "$place" ]; then mkdir "$place"; fi
    done
    mount --bind "$source" "$place"
done <mounts

cd stage
pivot_root . old
cd /
umount -l /old
mount -o remount,ro /
powers=-all,+chown,+dac_override,+fowner,+fsetid,+kill,+setgid,+setuid,+setpcap,+net_bind_service,+sys_chroot,+setfcap,+audit_write
if [ $# -gt 0 ]; then
    exec setpriv --bounding-set="$powers" chroot /m "$@"
fi
exec setpriv --bounding-set="$powers" chroot /m /bin/bash /run/cloud/init.sh
