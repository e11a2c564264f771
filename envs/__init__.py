"""The digital twin: what happens on a plant when requests arrive.

Where to go:
  plant.py, latency.py, modulation.py   the plant as flat arrays; latency terms; formats and reach
  bits.py, rng.py                       compiled helpers: spectrum bits, random numbers
  slots.py                              slots that a bit rate takes
  state.py                              N networks in time: free bits and departures
  calendar.py                           when what is lit ends, where that is known
  traffic.py, trace.py, sndlib.py       requests: described and drawn, stored, made from measured matrices
  candidates.py, features.py            what a policy chooses from, and what it sees of it
  policy.py, heuristics.py              the interface of a policy; the baselines
  lockstep.py                           N networks stepped together: under environments and evaluation
  serving.py                            the one request loop; what a rule of its own decides by
  first_fit.py, mscl.py, defragmentation.py  rules of their own
  simulation.py                         figures with intervals
  tally.py, settings.py                 what is counted; the published benchmark settings
  evaluation.py, search.py              paired replay of traces; the score of many weight vectors at once
  latency_rsa.py, registration.py       gymnasium environments
  network.py                            one network's spectrum for the online side
Nothing here knows of Prefect, Ray, MLflow or torch.
"""

from envs.registration import register_all

register_all()  # gymnasium finds environments by the import of their package: `import envs`
