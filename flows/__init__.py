"""Prefect flows: sentences of tasks. The only place, with service mains, that loads configuration.

Where to go:
  continuous_training.py   trace, train, evaluate, gate, register, provision
  drift_monitor.py         requests against those the champion learned from; emits the event that retrains
  probation.py             a new champion's first live requests, a part of the drift monitor
  provision.py, rollback.py
  settings.py, serving_target.py  configuration turned into what tasks take
  trial.py                 a challenger beside the champion on live requests, before it takes over
  slots.py                 owning the model slots for a while
  policies.py              traces, measured, packaged, registered: for flows and commands alike
  project.py               entry points of MLproject
  approval.py              asking a person, where configured
What starts them: prefect.yaml.
"""
