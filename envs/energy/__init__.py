"""Energy: what a network draws, part by part.

Where to go:

* the power model and its files (``envs/data/power*.json``): ``model.py``
* its watts on a plant, as arrays: ``arrays.py``
* compiled helpers that read what is lit and charge lightpaths: ``meter.py``
* power over independent runs, with intervals: ``summary.py``

Policies, kernels and counts are those of every use case. Equations, sources, what can be saved and what
cannot: ``docs/energy.md``.
"""
