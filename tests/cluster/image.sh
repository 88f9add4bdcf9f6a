#!/usr/bin/env bash
# Builds the image of envs/reconstruction.def from a Debian root folder, where no registry of images is needed, and prints
# where it is: a folder, about 5.6 GB, kept until the definition or the requirements change. Needs root and Apptainer.
set -euo pipefail
cd "$(dirname "$0")/../.."
FOLDER=${CLUSTER_FOLDER:-/var/tmp/reconstruction-cluster}
CONTENT=(envs/reconstruction.def envs/install.sh envs/uv.txt envs/requirements.txt)
IMAGE=$FOLDER/image-$(sha256sum "${CONTENT[@]}" | sha256sum | cut -c1-16)
ROOT=$FOLDER/debian

make_root_folder() {
    [ -e "$ROOT/finished" ] && return
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends debootstrap uidmap > /dev/null
    rm -rf "$ROOT"
    debootstrap --variant=minbase bookworm "$ROOT" > "$FOLDER/debootstrap.log"
    cp -r /usr/local/share/ca-certificates "$ROOT/usr/local/share/" # a site's own certificates, if it has any
    # Apptainer copies the folder as a user who can make no devices and knows no owners but root.
    rm -rf "$ROOT"/dev/*
    chown -R root:root "$ROOT"
    touch "$ROOT/finished"
}

build() {
    rm -rf "$FOLDER"/image-*
    grep -qs '^root:' /etc/subuid || usermod --add-subuids 100000-165535 --add-subgids 100000-165535 root
    # Building takes every capability, which root has in a user namespace of its own.
    TMPDIR=$FOLDER unshare --user --map-root-user --map-auto --mount apptainer build --sandbox \
        --build-arg bootstrap=localimage --build-arg "base=$ROOT" "$IMAGE.partial" envs/reconstruction.def \
        > "$FOLDER/image.log" 2>&1 || { tail -20 "$FOLDER/image.log" >&2; return 1; }
    mv "$IMAGE.partial" "$IMAGE"
}

mkdir -p "$FOLDER"
if [ ! -d "$IMAGE" ]; then
    make_root_folder
    build
fi
echo "$IMAGE"
