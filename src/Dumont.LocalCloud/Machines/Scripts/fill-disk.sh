#!/bin/sh
# Lets a running machine's disk run full, seen from its stage with the host's powers: what is there can be read, nothing can be
# written. Each folder gets a layer in a file system that holds nothing more; a reboot ends it.
set -eu
mount -t tmpfs -o size=256k,mode=0755 full /old
for folder in workspace root home tmp var/tmp; do
    # The machine may have made a link of it, which could lead anywhere.
    if [ -L "/m/$folder" ] || [ ! -d "/m/$folder" ]; then continue; fi
    layer=/old/$(echo "$folder" | tr / -)
    mkdir "$layer" "$layer/upper" "$layer/work"
    chmod "$(stat -c %a "/m/$folder")" "$layer/upper"
    mount -t overlay -o "lowerdir=/m/$folder,upperdir=$layer/upper,workdir=$layer/work" full "/m/$folder"
done
cat /m/dev/zero >/old/fill 2>/dev/null || true
