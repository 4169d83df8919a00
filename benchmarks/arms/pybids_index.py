"""The same runs found by PyBIDS, with its defaults for derivatives, files' content left alone."""

from bids import BIDSLayout

from benchmarks.arms import script


def work(job):
    layout = BIDSLayout(
        job["folder"], validate=False, is_derivative=True, config=["bids", "derivatives"]
    )
    images = layout.get(suffix="bold", desc="preproc", extension=".nii.gz")
    return {"runs": len(images)}


if __name__ == "__main__":
    script.run(work)
