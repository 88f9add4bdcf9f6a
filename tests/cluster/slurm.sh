#!/usr/bin/env bash
# One-node SLURM on this machine, for tests: munged, slurmctld and slurmd without systemd. Needs root and Debian 12.
#   slurm.sh start    install what is missing, start what does not answer, and wait until the node takes jobs
#   slurm.sh stop     stop the daemons
#   slurm.sh folder   print where their logs and numbers are
# Memory, cores and time are enforced by control groups. Two pretend GPUs are counted and never opened.
set -euo pipefail
FOLDER=${CLUSTER_FOLDER:-/var/tmp/reconstruction-cluster}/slurm

running() { # NAME: whether the daemon lives; a process that nobody has waited for has ended, too
    [ -s "$FOLDER/$1.pid" ] && grep -qs '^State:.[^ZX]' "/proc/$(cat "$FOLDER/$1.pid")/status"
}

wait_for() { # SECONDS COMMAND...
    local deadline=$((SECONDS + $1))
    until "${@:2}" > /dev/null 2>&1; do
        [ "$SECONDS" -lt "$deadline" ] || { echo "gave up waiting for: ${*:2}" >&2; return 1; }
        sleep 0.2
    done
}

node_takes_jobs() { sinfo --noheader --format %T | grep -qE '^(idle|mixed|allocated)$'; }

install_packages() {
    dpkg -s slurm-wlm munge > /dev/null 2>&1 && return
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends slurm-wlm munge > /dev/null
}

write_configuration() {
    local node processors memory
    node=$(hostname -s)
    processors=$(getconf _NPROCESSORS_ONLN)
    memory=$(($(awk '/^MemTotal/ {print $2}' /proc/meminfo) / 1024 - 1024)) # MiB; the system keeps 1 GiB
    cat > "$FOLDER/slurm.conf" << EOF
ClusterName=tests
SlurmctldHost=$node(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CredType=cred/munge
StateSaveLocation=$FOLDER/state
SlurmdSpoolDir=$FOLDER/spool
SlurmctldPidFile=$FOLDER/slurmctld.pid
SlurmdPidFile=$FOLDER/slurmd.pid
SlurmctldLogFile=$FOLDER/slurmctld.log
SlurmdLogFile=$FOLDER/slurmd.log
MpiDefault=none
SwitchType=switch/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/filetxt
JobCompLoc=$FOLDER/jobs.txt
GresTypes=gpu
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
ProctrackType=proctrack/cgroup
TaskPlugin=task/cgroup,task/affinity
JobAcctGatherType=jobacct_gather/cgroup
JobAcctGatherFrequency=task=2
DefMemPerCPU=500
# Quick for tests: ended jobs stay visible, a lost node is noticed in 10 s, a requeued job waits for 10 s.
AuthInfo=cred_expire=10
MinJobAge=3600
KillWait=5
ReturnToService=2
SlurmdTimeout=10
SchedulerParameters=sched_interval=2,bf_interval=5,sched_min_interval=0
NodeName=$node NodeAddr=127.0.0.1 CPUs=$processors RealMemory=$memory Gres=gpu:2 State=UNKNOWN
PartitionName=main Nodes=$node Default=YES MaxTime=1-0 DefaultTime=10 State=UP
EOF
    echo "NodeName=$node Name=gpu File=/dev/tty[40-41]" > "$FOLDER/gres.conf"
    cat > "$FOLDER/cgroup.conf" << EOF
CgroupAutomount=no
IgnoreSystemd=yes
ConstrainCores=yes
ConstrainRAMSpace=yes
EOF
    mkdir -p /etc/slurm # the plugin's jobs look nowhere else: they lose SLURM_CONF
    ln -sf "$FOLDER"/{slurm,gres,cgroup}.conf /etc/slurm/
}

start() {
    if [ -e /etc/slurm/slurm.conf ] && [ "$(readlink /etc/slurm/slurm.conf)" != "$FOLDER/slurm.conf" ]; then
        echo "/etc/slurm/slurm.conf: this machine belongs to a cluster already; run the tests on another" >&2
        return 1
    fi
    install_packages
    mkdir -p "$FOLDER"/{state,spool}
    write_configuration
    if ! munge --no-input > /dev/null 2>&1; then
        install -d -o munge -g munge /run/munge /var/log/munge /var/lib/munge
        setpriv --reuid=munge --regid=munge --clear-groups munged --force --pid-file "/run/munge/munged.pid"
    fi
    running slurmctld || slurmctld
    wait_for 20 sh -c 'scontrol ping | grep -q UP'
    running slurmd || slurmd
    node_takes_jobs || scontrol update NodeName="$(hostname -s)" State=RESUME > /dev/null 2>&1 || true
    wait_for 20 node_takes_jobs
}

stop() {
    local name
    for name in slurmd slurmctld; do
        running "$name" && kill "$(cat "$FOLDER/$name.pid")"
        wait_for 20 eval "! running $name"
    done
    [ ! -s /run/munge/munged.pid ] || kill "$(cat /run/munge/munged.pid)" 2> /dev/null || true
}

case ${1:-} in
    start | stop) "$1" ;;
    folder) echo "$FOLDER" ;;
    *) echo "usage: slurm.sh start|stop|folder" >&2; exit 2 ;;
esac
