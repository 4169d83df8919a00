"""Figures, HTML and methods text, from what an output folder holds and nothing else."""

from fcnm_bids.report.group_figures import draw_effect_figures, draw_group_figures
from fcnm_bids.report.group_page import write_group_page
from fcnm_bids.report.methods import write_methods
from fcnm_bids.report.person_figures import draw_person_figures
from fcnm_bids.report.person_page import write_person_page
from fcnm_bids.report.results import NetworkResult
from fcnm_bids.report.robustness_figure import draw_robustness
from fcnm_bids.report.run_record import RunRecord, latest_run
from fcnm_bids.report.specificity_figure import draw_specificity

__all__ = [
    "NetworkResult",
    "RunRecord",
    "draw_effect_figures",
    "draw_group_figures",
    "draw_person_figures",
    "draw_robustness",
    "draw_specificity",
    "latest_run",
    "write_group_page",
    "write_methods",
    "write_person_page",
]
