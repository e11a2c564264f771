"""Quality of transmission: GSNR of lines, incrementally of networks, and decisions that respect it.

Where to go:

* the closed form, with equation numbers: ``isrs_gn.py``
* fibre and line parameters (``envs/data/line.json``), results: ``line.py``
* a line as it is, span by span: ``mixed_line.py``; NLI of a span of finite length: ``finite_span.py``
* its file: ``line_schema.py``, ``line_file.py``; GNPy's files: ``gnpy_files.py``
* fibre types by name (``envs/data/fibres.json``): ``fibres.py``; noise figures: ``noise_figures.py``
* what the filters of ROADMs cost: ``filters.py``
* bands, channels, launch powers: ``bands.py``
* modulation formats and their thresholds (``envs/data/gsnr_formats.json``): ``formats.py``
* a network's links as tables, and what they assume about the Raman tilt: ``link_tables.py``
* carriers of several symbol rates on one raster: ``rates.py``
* what they make of a plant: bands, formats, whole numbers of noise: ``qot_plant.py``, ``arrays.py``
* lighting a carrier and putting it out, noise of what is lit: ``carriers.py``
* the candidates of a request: ``listing.py``; what they cost the paths that share a link: ``sharing.py``
* launch powers per band that make the most of a line: ``launch.py``
* what is counted in a run, its figures, and those of several: ``counting.py``, ``figures.py``, ``summary.py``
* what it does at each step of a request: ``part.py``
* the same noise from scratch, for checks: ``full.py``

Equations, sources and measured errors: ``docs/qot.md``.
"""
