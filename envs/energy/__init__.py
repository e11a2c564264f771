"""Energy: what a network draws, and first-fit policies that differ in what they switch on.

Where to go:

* the power model and its file (``envs/data/power.json``): ``model.py``
* the model on a plant as arrays, the meter, the compiled kernel: ``serve.py``
* independent runs, energy per bit with intervals: ``simulation.py``

Equations, sources, what can be saved and what cannot: ``docs/energy.md``.
"""
