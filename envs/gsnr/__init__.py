"""Quality of transmission: GSNR of lines, incrementally of networks, and decisions that respect it.

Where to go:

* the closed form, with equation numbers: ``isrs_gn.py``
* fibre and line parameters (``envs/data/line.json``), results: ``line.py``
* bands, channels, launch powers: ``bands.py``
* modulation formats and their thresholds (``envs/data/gsnr_formats.json``): ``formats.py``
* a network's links as tables, and what they assume about the Raman tilt: ``link_tables.py``
* lighting a carrier and putting it out, GSNR of what is lit: ``incremental.py``, ``LitNetwork``
* launch powers per band that make the most of a line: ``launch.py``
* requests served with GSNR in the loop, band by band or by margin: ``serve.py``
* what a run of them amounts to: ``metrics.py``
* the same noise from scratch, for checks: ``full.py``

Equations, sources and measured errors: ``docs/qot.md``.
"""
