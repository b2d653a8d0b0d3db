#!/usr/bin/env bash
# kotune on Slurm: Ray on all nodes of one job, the search on the first, everything ended at the end.
#
# From nothing to a search, on the login node, in a checkout that all nodes see (your home folder, usually):
#
#   make venv
#   sbatch --nodes 4 --gpus-per-node 1 deploy/slurm.sh tune kobart --storage "$PWD/runs" --study first --slots 1:4 \
#       --train train.csv
#
# To look on, to ask, to go on in a new job, to get the model, to end:
#
#   tail -f kotune-JOB.log
#   .venv/bin/python cli.py status first --storage runs
#   sbatch --nodes 4 --gpus-per-node 1 deploy/slurm.sh resume first --storage "$PWD/runs"
#   .venv/bin/python cli.py export first --storage runs --out best
#   scancel --batch --signal TERM JOB         # saves first; plain scancel is a power cut, and `resume` copes with that too
#
# What follows the script's name is kotune's, and --address is added. Two minutes before the time is up Slurm sends SIGTERM,
# and kotune saves what runs. Other options of sbatch (--partition, --account) before the script's name, as usual.
#
# Nobody on the nodes or in their network talks to this Ray without your token (~/.ray/auth_token, made here, readable by
# you alone; where home is not shared between nodes, RAY_AUTH_TOKEN_PATH names a file that is). It has no dashboard.
#SBATCH --job-name=kotune
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=8
#SBATCH --mem=32G
#SBATCH --time=24:00:00
#SBATCH --signal=B:TERM@120
#SBATCH --output=kotune-%j.log
set -euo pipefail
cd "$SLURM_SUBMIT_DIR"
. .venv/bin/activate

if [ -z "${RAY_AUTH_TOKEN_PATH:-}${RAY_AUTH_TOKEN:-}" ]; then
    (umask 077 && ray get-auth-token --generate > /dev/null 2>&1)
    chmod 600 ~/.ray/auth_token
fi
export RAY_AUTH_MODE=token

# A folder and a port of this job's own: nodes may be shared, with others and with your other jobs.
# Ray lets everybody write to its own: so it lies in one that only you may enter.
private=/tmp/ray-$SLURM_JOB_ID
temp=$private/ray
ip=$(hostname --ip-address | tr ' ' '\n' | grep --invert-match --max-count=1 -e '^127\.' -e ':') || {
    echo "$(hostname) has no address that other nodes could use: hostname --ip-address" >&2
    exit 1
}
address=$ip:$((20000 + SLURM_JOB_ID % 10000))
cpus=${SLURM_CPUS_PER_TASK:-$SLURM_CPUS_ON_NODE}

finish() {
    # shellcheck disable=SC2046  # each process is a word
    kill $(jobs -p) 2> /dev/null || true
    wait
    rm -rf "$private"
}
trap finish EXIT
rm -rf "$private" && mkdir -m 700 "$private"    # a job that was put back into the queue keeps its number

# A node that is suddenly away is noticed within a minute. Without this Ray waits for its answer for minutes, and finds no
# place for anything else meanwhile.
config='{"health_check_timeout_ms": 5000, "grpc_client_keepalive_time_ms": 20000, "grpc_client_keepalive_timeout_ms": 20000}'
ray start --head --block --node-ip-address="$ip" --port="${address##*:}" --temp-dir="$temp" \
    --num-cpus="$cpus" --num-gpus="${SLURM_GPUS_ON_NODE:-0}" --include-dashboard=false --disable-usage-stats \
    --system-config="$config" &
head=$!
until ray health-check --address="$address" 2> /dev/null; do
    kill -0 "$head" || exit 1    # it has said why
    sleep 1
done

if [ "$SLURM_NNODES" -gt 1 ]; then
    # Each with the GPUs that Slurm gave it; one that fails ends nobody else.
    srun --nodes=$((SLURM_NNODES - 1)) --ntasks=$((SLURM_NNODES - 1)) --exclude="$SLURMD_NODENAME" \
        --cpus-per-task="$cpus" --kill-on-bad-exit=0 bash -c '
        trap "rm -rf ${1%/*}" EXIT
        rm -rf "${1%/*}" && mkdir -m 700 "${1%/*}" || exit 1
        ray start --block --address="$0" --temp-dir="$1" --num-cpus="$2" --num-gpus="${SLURM_GPUS_ON_NODE:-0}"' \
        "$address" "$temp" "$cpus" &
fi

# The address, not `auto`: another job's Ray may run here. Slots come as the nodes come.
python cli.py "$@" --address "$address" &
search=$!
trap 'kill -TERM "$search"' TERM
while true; do    # `wait` returns at a signal, and again when the search has ended
    status=0
    wait "$search" || status=$?
    kill -0 "$search" 2> /dev/null || break
done
exit "$status"
