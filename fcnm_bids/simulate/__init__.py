"""An fMRIPrep-like data set, or participants as projected runs, whose networks are known.

For the demonstration, the tests, the benchmarks and for planning how many participants or contrasts
a study needs. Every data set says that it is simulated.
"""

from fcnm_bids.simulate.connectome import (
    ConnectomeDesign,
    SimulatedConnectome,
    planted_contrasts,
    simulate_connectome,
)
from fcnm_bids.simulate.dataset import Truth, simulate_dataset
from fcnm_bids.simulate.design import SimulationDesign
from fcnm_bids.simulate.foci import simulate_foci
from fcnm_bids.simulate.run import SimulatedRun, simulate_run

__all__ = [
    "ConnectomeDesign",
    "SimulatedConnectome",
    "SimulatedRun",
    "SimulationDesign",
    "Truth",
    "planted_contrasts",
    "simulate_connectome",
    "simulate_dataset",
    "simulate_foci",
    "simulate_run",
]
