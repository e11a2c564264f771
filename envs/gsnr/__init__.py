"""Quality of transmission: GSNR of lines, incrementally of networks, and decisions that respect it.

Where to go:

* the closed form, with equation numbers: ``isrs_gn.py``; fibre and line: ``line.py``, ``envs/data/line.json``
* bands, channels, launch powers: ``bands.py``
"""
