#!/bin/sh
# Installs Python and the pinned, hash-checked requirements beside this script into a Debian 12 image.
# Both image definitions, reconstruction.def and Containerfile, run it inside the image.
set -eu
FOLDER=$(dirname "$0")
ENVIRONMENT=/opt/reconstruction

apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends ca-certificates python3 python3-venv

# The system's certificates, to which a site may have added its own.
export SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt PIP_CERT=/etc/ssl/certs/ca-certificates.crt

python3 -m venv "$ENVIRONMENT"
"$ENVIRONMENT/bin/python" -m pip install --quiet --no-cache-dir --require-hashes -r "$FOLDER/uv.txt"
# Compiled now, for a container cannot write into its image.
VIRTUAL_ENV=$ENVIRONMENT "$ENVIRONMENT/bin/uv" pip install --quiet --no-cache --compile-bytecode \
    --require-hashes -r "$FOLDER/requirements.txt"
rm -rf /var/lib/apt/lists/* /var/cache/apt/*
