"""The digital twin: what happens on a plant when requests arrive.

Where to go:
  spec.py, blueprint.py, plant.py       what is chosen of a plant; what it is made from; the flat arrays
  latency.py, modulation.py             latency terms; formats and reach
  bits.py, rng.py                       compiled helpers: spectrum bits, random numbers
  slots.py                              slots that a bit rate takes
  state.py                              N networks in time: free bits and departures
  blocks.py                             a block on a path
  parts.py                              what a plant can have beside slots, one part for each use case:
  gsnr/, energy/, departures/           quality of transmission, power, known departure times
  traffic.py, trace.py, sndlib.py       requests: described and drawn, stored, made from measured matrices
  candidates.py, describe.py, features.py  what a policy chooses from, and what it sees of it
  after_state.py and what it imports    what a candidate leaves behind for later requests
  policy.py, heuristics.py              the interface of a policy; the baselines
  lockstep.py                           N networks stepped together: under environments and evaluation
  serving.py                            the one request loop; what a rule of its own decides by
  first_fit.py, mscl.py, defragmentation.py  rules of their own
  simulation.py                         figures with intervals
  statistics.py, settings.py            what is counted; the published benchmark settings
  evaluation.py, search.py              paired replay of traces; the score of many weight vectors at once
  lightpath_env.py, lightpath_vector_env.py  gymnasium environments of one network, and of many
  latency_rsa.py, registration.py       those of a use case; their ids
  rendering.py                          what an environment looks like
  around.py                             rows for the paths around what has failed
  network.py                            one network's spectrum for the online side
Nothing here knows of Prefect, Ray, MLflow or torch.
"""

from envs.registration import register_all

register_all()  # gymnasium finds them by `import envs`, or by "envs:" before an id
