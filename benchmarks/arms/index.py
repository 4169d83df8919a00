"""Finding the runs of a data set of any layout; with ``make``, its empty files themselves."""

import json
from pathlib import Path

from benchmarks.arms import script
from fcnm_bids.config import SelectionSettings
from fcnm_bids.inputs.dataset import identify_dataset
from fcnm_bids.inputs.runs.find import find_runs

_FMRIPREP = "sub-{n:04d}/func/sub-{n:04d}_task-rest_"
_GRID = "space-MNI152NLin6Asym_res-2_"
_REST = "{n:06d}/MNINonLinear/Results/rfMRI_{run}/"
_GSP = "rest_skip4_stc_mc_bp_0.0001_0.08_resid_FS1mm_MNI1mm_MNI2mm_sm7_finalmask.nii.gz"
_SURF = "S{n:04d}_task-rest_space-MNI152NLin2009cAsym_res-2_desc-"

TREES = {
    "fmriprep": [
        f"{_FMRIPREP}{name}"
        for name in (
            f"{_GRID}desc-preproc_bold.nii.gz",
            f"{_GRID}desc-preproc_bold.json",
            f"{_GRID}desc-brain_mask.nii.gz",
            f"{_GRID}desc-brain_mask.json",
            "desc-confounds_timeseries.tsv",
            "desc-confounds_timeseries.json",
        )
    ],
    "xcpd": [
        f"{_FMRIPREP}{name}"
        for name in (
            f"{_GRID}desc-denoised_bold.nii.gz",
            f"{_GRID}desc-denoised_bold.json",
            f"{_GRID}desc-brain_mask.nii.gz",
            "design.tsv",
        )
    ],
    "halfpipe": [
        f"derivatives/halfpipe/{_FMRIPREP}setting-fc_{name}"
        for name in (
            "bold.nii.gz",
            "bold.json",
            "desc-brain_mask.nii.gz",
            "desc-confounds_regressors.tsv",
        )
    ],
    "dparsf": [
        "FunImgAR/Sub_{n:04d}/ra.nii",
        "FunImgARW/Sub_{n:04d}/wra.nii",
        "FunImgARCWF/Sub_{n:04d}/Filtered_4DVolume.nii",
        "Masks/AutoMasks/wAutoMask_Sub_{n:04d}.nii",
        "RealignParameter/Sub_{n:04d}/rp_a.txt",
        "RealignParameter/Sub_{n:04d}/FD_Power_Sub_{n:04d}.txt",
    ],
    "dpabisurf": [
        f"FunVoluW/S{{n:04d}}/{_SURF}preproc_bold.nii",
        f"Masks/AutoMasks/{_SURF}brain_mask.nii.gz",
        "Masks/SegmentationMasks/MNIFunSpace_S{n:04d}_WM.nii",
        "Masks/SegmentationMasks/MNIFunSpace_S{n:04d}_CSF.nii",
        "RealignParameter/S{n:04d}/rp_S{n:04d}.txt",
    ],
    "hcp": [
        _REST.replace("{run}", run) + name
        for run in ("REST1_LR", "REST1_RL", "REST2_LR", "REST2_RL")
        for name in (
            f"rfMRI_{run}.nii.gz",
            f"rfMRI_{run}_hp2000_clean.nii.gz",
            "brainmask_fs.2.nii.gz",
            "Movement_Regressors.txt",
            "Movement_RelativeRMS.txt",
        )
    ],
    "gsp1000": [f"sub-{{n:04d}}/func/sub-{{n:04d}}_bld{run}_{_GSP}" for run in ("001", "002")],
    "conn": ["results/preprocessing/niftiDATA_Subject{n:04d}_Condition000.nii"],
    "leaddbs": ["vol/sub-{n:04d}_run_1.mat", "vol/sub-{n:04d}_run_2.mat"],
}
"""Files of a participant in each layout."""

_DESCRIPTION = {"Name": "empty", "BIDSVersion": "1.10.0", "DatasetType": "derivative"}
_ROOT = {
    "fmriprep": {"dataset_description.json": json.dumps(_DESCRIPTION)},
    "xcpd": {
        "dataset_description.json": json.dumps({**_DESCRIPTION, "GeneratedBy": [{"Name": "xcp_d"}]})
    },
    "leaddbs": {"dataset_info.json": "{}", "dataset_info.mat": ""},
}
_STAGE = {"dparsf": "ARW", "hcp": "minimal"}


def work(job):
    folder, layout = Path(job["folder"]), job.get("layout", "fmriprep")
    if job.get("make"):
        folder.mkdir(parents=True)
        for name, content in _ROOT.get(layout, {}).items():
            (folder / name).write_text(content)
        for number in range(job["n_participants"]):
            for name in TREES[layout]:
                path = folder / name.format(n=number)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text("{}" if name.endswith(".json") else "")
        return {}
    if identify_dataset(folder).layout != layout:
        raise SystemExit(f"{folder} is not taken for {layout}")
    space = "MNI152NLin6Asym" if layout == "leaddbs" else None
    selection = SelectionSettings(input_variant=_STAGE.get(layout), space=space)
    return {"runs": len(find_runs(folder, selection, layout=layout))}


if __name__ == "__main__":
    script.run(work)
