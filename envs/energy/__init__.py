"""Energy: what a network draws, part by part.

Where to go:

* the power model and its files (``envs/data/power*.json``): ``model.py``
* its watts on a plant, as arrays: ``arrays.py``
* compiled helpers that read what is lit and charge lightpaths: ``meter.py``
* the figures of a run, and those of several with intervals: ``figures.py``, ``summary.py``
* what it does at each step of a request: ``part.py``

Policies, kernels and counts are those of every use case. Equations, sources, what can be saved and what
cannot: ``docs/energy.md``.
"""
