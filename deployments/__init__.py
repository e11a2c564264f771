"""How it is run: processes, ports, health, Prefect's deployments and the first champion.

Where to go:
  services.py, environment.py   the table of services; what their environment says
  manager.py, ports.py          supervisord; who holds a port
  health.py, stack.py           waiting until all answer; up, down, status
  model_slot.py                 the process of a model slot: the MLflow inference server on what it is told
  model_scores.py               the shorter way to its scores, for what the PCE asks
  upkeep.py                     what is looked after while it runs, each minute or so
  orchestration.py              work pool and deployments in Prefect
  served.py, reconcile.py       what is served against what should be; a process that mends it
  approvals.py                  the answer for the person who did not give one
  bootstrap.py, plants.py       the first champion; a controller's stored services against the plant
"""
