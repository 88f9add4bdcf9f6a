#!/usr/bin/env bash
# Installs Apptainer on Debian 12, which has no package of it. Needs root; does nothing where there is one that runs.
# Debian's unstable release has it, and the C library that it wants. Both are unpacked apart from the machine's own packages,
# and the two programs of Apptainer are told to load that C library.
set -euo pipefail
apptainer --version > /dev/null 2>&1 && exit 0

FOLDER=${CLUSTER_FOLDER:-/var/tmp/reconstruction-cluster}/apptainer
LIBRARIES=usr/lib/$(uname -m)-linux-gnu

apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    patchelf libseccomp2 libsqlite3-0 squashfs-tools uidmap > /dev/null

rm -rf "$FOLDER"
mkdir -p "$FOLDER"/{lists,cache/archives}/partial
cd "$FOLDER"
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian sid main" > sid.list
sid=(apt-get -qq -o "Dir::Etc::SourceList=$FOLDER/sid.list" -o Dir::Etc::SourceParts=/dev/null
    -o "Dir::State::Lists=$FOLDER/lists" -o "Dir::Cache=$FOLDER/cache" -o APT::Sandbox::User=root)
"${sid[@]}" update
for package in libc6 apptainer; do
    "${sid[@]}" download "$package"
    dpkg-deb -x "$package"_*.deb "$package"
done
loader=$(echo "$FOLDER/libc6/$LIBRARIES"/ld-linux-*.so.*)
for program in usr/bin/apptainer "$LIBRARIES/apptainer/bin/starter"; do
    patchelf --set-interpreter "$loader" --set-rpath "$(dirname "$loader"):/$LIBRARIES" "apptainer/$program"
done
# Root in a virtual machine or a container may not have every capability, which Apptainer would ask for.
sed -i 's/^root default capabilities = .*/root default capabilities = no/' apptainer/etc/apptainer/apptainer.conf
mkdir -p /var/lib/apptainer/mnt/session
cp -a apptainer/{etc,usr,var} /
apptainer --version
