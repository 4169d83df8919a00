#!/bin/bash
# Submit the participant level as one array job with one task per participant, and the group level,
# which runs when all tasks have succeeded. Run this script where sbatch is available.
#
#   slurm_array.sh BIDS_DIR OUTPUT_DIR [options of the participant level]
#
# From the environment:
#   FCNM_IMAGE        the Apptainer image (default: fcnm_bids.sif)
#   FCNM_BIND         what else to bind, in the form of Apptainer's -B
#   FCNM_RUN          the command for fcnm-bids, instead of Apptainer and the image
#   FCNM_WORK_DIR     a folder that all nodes share (default: OUTPUT_DIR followed by -work)
#   FCNM_PARTICIPANTS labels, separated by spaces (default: every sub-* folder of BIDS_DIR)
#   FCNM_AT_ONCE      tasks that may run at once (default: 50)
#   FCNM_PARTICIPANT_SBATCH, FCNM_GROUP_SBATCH    options of sbatch, such as "--mem=16G"
#   FCNM_GROUP        options of the group level
#   FCNM_DEPENDENCY   afterok (default); afterany: the group level runs even if tasks failed, such
#                     as those of participants without one usable run, which end with exit code 2
set -euo pipefail

run() {
  if [ -n "${FCNM_RUN:-}" ]; then
    # shellcheck disable=SC2086  # a command and its options
    $FCNM_RUN "$@"
  else
    apptainer run --containall --pwd "$PWD" -B "$FCNM_BINDS" "$FCNM_IMAGE" "$@"
  fi
}

# The program may use what the job was allocated.
resources() {
  echo --nprocs "${SLURM_CPUS_PER_TASK:-1}"
  [ -z "${SLURM_MEM_PER_NODE:-}" ] || echo --mem-mb "$SLURM_MEM_PER_NODE"
}

if [ "${1:-}" = --job ]; then
  level=$2 bids=$3 output=$4
  shift 4
  case $level in
    participant)
      list=$1
      shift
      label=$(sed -n "${SLURM_ARRAY_TASK_ID}p" "$list")
      if [ -z "$label" ]; then
        echo "slurm_array.sh: $list has no line $SLURM_ARRAY_TASK_ID; submit again" >&2
        exit 2
      fi
      # shellcheck disable=SC2046  # words
      run "$bids" "$output" participant --participant-label "$label" \
        -w "$FCNM_WORK_DIR/sub-$label" $(resources) "$@"
      ;;
    group)
      # shellcheck disable=SC2046
      run "$bids" "$output" group -w "$FCNM_WORK_DIR/group" $(resources) "$@"
      ;;
  esac
  exit
fi

if [ $# -lt 2 ]; then
  sed -n '2,/^set -/{/^set -/d;s/^# \{0,1\}//p}' "$0" >&2
  exit 2
fi
bids=$(realpath "$1") output=$(realpath -m "$2")
shift 2
export FCNM_WORK_DIR=${FCNM_WORK_DIR:-$output-work}
mkdir -p "$output" "$FCNM_WORK_DIR/log"
FCNM_WORK_DIR=$(realpath "$FCNM_WORK_DIR")
if [ -z "${FCNM_RUN:-}" ]; then
  FCNM_IMAGE=$(realpath -e "${FCNM_IMAGE:-fcnm_bids.sif}")
  FCNM_BINDS="$PWD,$bids:$bids:ro,$output,$FCNM_WORK_DIR${FCNM_BIND:+,$FCNM_BIND}"
  export FCNM_IMAGE FCNM_BINDS
fi

new=$(mktemp "$FCNM_WORK_DIR/.participants.XXXXXX")
if [ -n "${FCNM_PARTICIPANTS:-}" ]; then
  # shellcheck disable=SC2086
  printf '%s\n' $FCNM_PARTICIPANTS
else
  find -L "$bids" -mindepth 1 -maxdepth 1 -type d -name 'sub-*' -printf '%f\n' | sort
fi | sed 's/^sub-//' > "$new"
n_tasks=$(wc -l < "$new")
if [ "$n_tasks" = 0 ]; then
  rm "$new"
  echo "slurm_array.sh: no sub-* folder in $bids (FCNM_PARTICIPANTS names participants)" >&2
  exit 2
fi
# The list is named by its content, so no other submission replaces it before tasks read it.
list=$FCNM_WORK_DIR/participants-$(sha256sum "$new" | cut -c1-16).txt
mv "$new" "$list"

# Later options on sbatch's command line take precedence.
# shellcheck disable=SC2086
array=$(sbatch --parsable --job-name=fcnm --array="1-$n_tasks%${FCNM_AT_ONCE:-50}" \
  --cpus-per-task=2 --mem=8G --time=04:00:00 --output="$FCNM_WORK_DIR/log/participant-%A_%a.txt" \
  ${FCNM_PARTICIPANT_SBATCH:-} "$0" --job participant "$bids" "$output" "$list" "$@")
array=${array%%;*}
# shellcheck disable=SC2086
group=$(sbatch --parsable --job-name=fcnm-group \
  --dependency="${FCNM_DEPENDENCY:-afterok}:$array" --kill-on-invalid-dep=yes \
  --cpus-per-task=8 --mem=16G --time=12:00:00 --output="$FCNM_WORK_DIR/log/group-%j.txt" \
  ${FCNM_GROUP_SBATCH:-} "$0" --job group "$bids" "$output" ${FCNM_GROUP:-})
echo "participant level: job $array, $n_tasks tasks; group level: job ${group%%;*}, after them"
echo "logs: $FCNM_WORK_DIR/log"
