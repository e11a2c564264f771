"""One schema, one ``base.yaml``, one short file per scenario.

  schema.py   what can be set, with units and limits; unknown keys are refused
  load.py     base.yaml + scenarios/NAME.yaml + overrides + LIGHTLOOP__* environment, resolved and checked
  home.py     where a running lightloop keeps its files; credentials

Only flows, service mains and the command line load a configuration; everything else gets arguments.
"""
