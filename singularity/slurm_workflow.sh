#!/bin/bash
#SBATCH --job-name=fcnm
#SBATCH --cpus-per-task=16
#SBATCH --mem=32G
#SBATCH --time=24:00:00
# Run both levels in one job on one node, with as many participants at once as it has processors.
#
#   sbatch slurm_workflow.sh BIDS_DIR OUTPUT_DIR [options of the participant level]
#
# From the environment:
#   FCNM_IMAGE     the Apptainer image (default: fcnm_bids.sif)
#   FCNM_BIND      what else to bind, in the form of Apptainer's -B
#   FCNM_RUN       the command for fcnm-bids, instead of Apptainer and the image
#   FCNM_WORK_DIR  a folder (default: OUTPUT_DIR followed by -work)
#   FCNM_GROUP     options of the group level
# If you submit the job again after it was stopped, it does what is left.
set -euo pipefail

if [ $# -lt 2 ]; then
  echo "usage: sbatch slurm_workflow.sh BIDS_DIR OUTPUT_DIR [options of the participant level]" >&2
  exit 2
fi
bids=$(realpath "$1") output=$(realpath -m "$2")
shift 2
work=$(realpath -m "${FCNM_WORK_DIR:-$output-work}")
mkdir -p "$output" "$work"

resources=(--nprocs "${SLURM_CPUS_PER_TASK:-1}")
[ -z "${SLURM_MEM_PER_NODE:-}" ] || resources+=(--mem-mb "$SLURM_MEM_PER_NODE")

if [ -n "${FCNM_RUN:-}" ]; then
  read -ra command <<< "$FCNM_RUN"
else
  image=$(realpath -e "${FCNM_IMAGE:-fcnm_bids.sif}")
  command=(apptainer run --containall
    --pwd "$PWD" -B "$PWD,$bids:$bids:ro,$output,$work${FCNM_BIND:+,$FCNM_BIND}" "$image")
fi

"${command[@]}" "$bids" "$output" participant -w "$work" "${resources[@]}" "$@"
# shellcheck disable=SC2086
"${command[@]}" "$bids" "$output" group -w "$work" "${resources[@]}" ${FCNM_GROUP:-}
