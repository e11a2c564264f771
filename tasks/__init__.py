"""The steps of the loop, one subject a file: a plain function with a thin Prefect decorator.

Where to go:
  trace.py, traffic.py          traces made or given; the traffic that a given trace stands for
  train.py                      a challenger, by agents/
  evaluate.py, results.py       paired replay of everybody on the held-out traces; its stored form
  limits.py                     what gate and drift monitor ask for
  gate.py, report.py            whether a challenger may become champion; what people see of it in Prefect
  gate_page.py                  the gate's report as a page
  promotion_budget.py           the chance of a false promotion in a year, and what gates spend of it
  trial.py, trial_watch.py      shadow and canary: the rules; waiting for the live requests that they need
  probation.py                  whether a new champion lives up to what its gate promised
  failed.py                     the network with a fibre or node down, and the traffic that is left
  registry.py                   all that is known of MLflow; registry_reader.py: two GETs without its client
  promotions.py, champion.py    the append-only promotion log; who is champion by it
  background.py                 work that gives way to what answers requests
  serving_target.py, locks.py   the two model slots and who owns them; a lock that dies with its holder
  takeover.py, differences.py   from staged to champion, mendable at any step; where the parts disagree
  challenger.py                 what a run has made, for when it is taken up again
  package.py, behaviour.py      a policy as a model; what it answers on training traffic
  served_model.py               the code that runs inside the MLflow inference server
  provision.py, processes.py    a model into service; the process manager's client
  operation/                    the life of every request, from the logs; windows of it
  drift.py, drift_test.py       looks for drift and their report; the sequential test itself
  traffic_reference.py          the traffic that a champion learned from, counted
  dirichlet.py                  shares that vary around a centre
  offered.py, drift_source.py   requests as they come from outside; those of the running network
  drift_state.py, drift_page.py which requests were looked at; Evidently's page of an alarm
  events.py                     events of the loop, in one shape
  decisions.py                  reads the PCE's decision log
  progress_log.py, decorate.py  progress for whoever follows a run; retries and timeouts
Tasks get arguments, never configuration.
"""
