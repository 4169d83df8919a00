"""An fMRIPrep-like data set whose networks are known.

For the demonstration, the tests, the benchmarks and for planning how many people or contrasts a
study needs. Everything it writes says that it is simulated.
"""

from fcnm_bids.simulate.dataset import Truth, simulate_dataset
from fcnm_bids.simulate.design import SimulationDesign
from fcnm_bids.simulate.foci import simulate_foci
from fcnm_bids.simulate.run import SimulatedRun, simulate_run

__all__ = [
    "SimulatedRun",
    "SimulationDesign",
    "Truth",
    "simulate_dataset",
    "simulate_foci",
    "simulate_run",
]
